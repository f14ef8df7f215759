import { regexEngine } from '../decide/regex-engine.ts';

/** Stands for a pattern that is none. */
export const wrongRegex = Symbol('wrong regex');

/** A pattern that somebody typed, in linear time; undefined where none is asked for. It matches a `part` of names unless told. */
export function regexOf(
  pattern: string | null,
  how: 'part' | 'whole' = 'part',
): { test(name: string): boolean } | undefined | typeof wrongRegex {
  if (pattern === null) return undefined;
  try {
    const compiled = regexEngine().compile(pattern);
    return {
      test: (name) => (how === 'part' ? compiled.matcher(name).find() : compiled.matcher(name).matches()),
    };
  } catch {
    return wrongRegex;
  }
}
