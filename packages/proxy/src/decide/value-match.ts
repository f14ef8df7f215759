import type { JsonValue } from '../model/metadata.ts';
import type { ValueMatch } from '../model/value-match.ts';
import { compileStringMatch } from './string-match.ts';

/** Compiles a condition on a value of metadata (Envoy, `ValueMatcher`). Throws where a regular expression is none. */
export function compileValueMatch(match: ValueMatch): (value: JsonValue) => boolean {
  switch (match.kind) {
    case 'null':
      return (value) => value === null;
    case 'present':
      return () => match.present;
    case 'boolean':
      return (value) => value === match.value;
    case 'number':
      return (value) => typeof value === 'number' && value >= match.from && value < match.to;
    case 'exact_number':
      return (value) => value === match.value;
    case 'string': {
      const test = compileStringMatch(match.match);
      return (value) => typeof value === 'string' && test(value);
    }
    case 'any_item': {
      const test = compileValueMatch(match.match);
      return (value) => Array.isArray(value) && value.some((item: JsonValue) => test(item));
    }
    default: {
      const tests = match.matches.map(compileValueMatch);
      return (value) => tests.some((test) => test(value));
    }
  }
}
