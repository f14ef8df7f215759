import { regexEngine } from '../decide/regex-engine.ts';
import type { PathMatch, RegexRewrite } from '../model/route.ts';

/** Rewrites a text. */
export type Rewrite = (text: string) => string;

/** A substitution cut into texts and numbers of groups: `\1` is the first group, `\0` the whole match, `\\` a backslash. */
function parseSubstitution(substitution: string): (string | number)[] {
  const parts: (string | number)[] = [];
  let text = '';
  for (let i = 0; i < substitution.length; i++) {
    const c = substitution[i] as string;
    const next = substitution[i + 1];
    if (c !== '\\' || next === undefined) {
      text += c;
      continue;
    }
    i++;
    if (next >= '0' && next <= '9') {
      if (text !== '') parts.push(text);
      text = '';
      parts.push(Number(next));
    } else {
      text += next === '\\' ? next : c + next;
    }
  }
  if (text !== '') parts.push(text);
  return parts;
}

/** Compiles a regular expression with RE2's substitution, applied to every match. Throws where it is none. */
export function compileRegexRewrite(rewrite: RegexRewrite): Rewrite {
  const regex = regexEngine().compile(rewrite.regex);
  const parts = parseSubstitution(rewrite.substitution);
  const missing = parts.find((part) => typeof part === 'number' && part > regex.groupCount());
  if (missing !== undefined)
    throw new Error(`the substitution uses group ${missing}, which "${rewrite.regex}" lacks`);
  return (text) => {
    const matcher = regex.matcher(text);
    let result = '';
    let from = 0;
    while (matcher.find()) {
      result += text.slice(from, matcher.start());
      for (const part of parts) result += typeof part === 'string' ? part : (matcher.group(part) ?? '');
      from = matcher.end();
    }
    return result + text.slice(from);
  };
}

/** The parts of a path before and from the query on. */
export function splitQuery(path: string): [string, string] {
  const at = path.indexOf('?');
  return at < 0 ? [path, ''] : [path.slice(0, at), path.slice(at)];
}

/** Puts `replacement` in the place of what a path was matched by: the value of a prefix, else all but the query (Envoy, `RouteAction.prefix_rewrite`). */
export function matchedPathRewrite(match: PathMatch, replacement: string): Rewrite {
  if (!('value' in match)) return (path) => replacement + splitQuery(path)[1];
  const { length } = match.value;
  return (path) => replacement + path.slice(length);
}
