import { regexEngine } from '../decide/regex-engine.ts';

/**
 * Where in a message stands the regular expression that RE2 does not take, or else the substitution that goes with
 * one; undefined where there is neither. For the words of a problem: it looks at everything.
 */
export function badRegexPlace(message: object): string | undefined {
  return (
    placeOf(message, 'regex', isRefused) ?? placeOf(message, 'substitution', (text) => text.includes('\\'))
  );
}

function placeOf(value: unknown, key: string, is: (text: string) => boolean): string | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const at = Array.isArray(value) ? `[${name}]` : name;
    if (name === key && typeof inner === 'string' && is(inner)) return at;
    const below = placeOf(inner, key, is);
    if (below !== undefined) return below.startsWith('[') ? `${at}${below}` : `${at}.${below}`;
  }
  return undefined;
}

function isRefused(regex: string): boolean {
  try {
    regexEngine().compile(regex);
    return false;
  } catch {
    return true;
  }
}
