import type { StringMatch } from '../model/string-match.ts';
import { regexEngine } from './regex-engine.ts';

/** True where the text matches. */
export type TextTest = (text: string) => boolean;

/** A test that the whole text matches an RE2 expression; linear in the text. Throws RE2JSSyntaxException where it is none. */
export function compileRegex(regex: string): TextTest {
  const compiled = regexEngine().compile(regex);
  return (text) => compiled.testExact(text);
}

/** Compiles a string match into a test. Throws where its regular expression is none. */
export function compileStringMatch(match: StringMatch): TextTest {
  if (match.kind === 'regex') return compileRegex(match.regex);
  const fold = match.ignoreCase === true;
  const value = fold ? match.value.toLowerCase() : match.value;
  const see = fold ? (text: string): string => text.toLowerCase() : undefined;
  switch (match.kind) {
    case 'exact':
      return see === undefined ? (text) => text === value : (text) => see(text) === value;
    case 'prefix':
      return see === undefined ? (text) => text.startsWith(value) : (text) => see(text).startsWith(value);
    case 'suffix':
      return see === undefined ? (text) => text.endsWith(value) : (text) => see(text).endsWith(value);
    default:
      return see === undefined ? (text) => text.includes(value) : (text) => see(text).includes(value);
  }
}
