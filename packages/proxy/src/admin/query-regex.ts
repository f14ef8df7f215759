import { regexEngine } from '../decide/regex-engine.ts';

/** Stands for a pattern that is none. */
export const wrongRegex = Symbol('wrong regex');

/** A pattern that somebody typed, in linear time; undefined where none is asked for. */
export function regexOf(
  pattern: string | null,
): { test(name: string): boolean } | undefined | typeof wrongRegex {
  if (pattern === null) return undefined;
  try {
    const compiled = regexEngine().compile(pattern);
    return { test: (name) => compiled.matcher(name).find() };
  } catch {
    return wrongRegex;
  }
}
