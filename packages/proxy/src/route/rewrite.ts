import { regexEngine } from '../decide/regex-engine.ts';
import type { RegexRewrite } from '../model/route.ts';

/** Rewrites a text. */
export type Rewrite = (text: string) => string;

/** Compiles a regular expression with RE2's substitution (`\1` is the first group). Throws where it is none. */
export function compileRegexRewrite(rewrite: RegexRewrite): Rewrite {
  const regex = regexEngine().compile(rewrite.regex);
  const replacement = rewrite.substitution.replaceAll('$', '\\$').replace(/\\(\d)/g, '$$$1');
  return (text) => regex.matcher(text).replaceAll(replacement);
}

/** The parts of a path before and from the query on. */
export function splitQuery(path: string): [string, string] {
  const at = path.indexOf('?');
  return at < 0 ? [path, ''] : [path.slice(0, at), path.slice(at)];
}

/** Puts `replacement` in the place of the matched prefix, and keeps the rest with its query. */
export function replacePrefix(path: string, prefixLength: number, replacement: string): string {
  return replacement + path.slice(prefixLength);
}
