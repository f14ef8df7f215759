import * as matcher from '@lateen/protocol/envoy/type/matcher/v3';
import type { ValueMatch } from '../model/value-match.ts';
import { decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const valuePolicy = fieldPolicy(matcher.ValueMatcher, [
  'nullMatch',
  'doubleMatch',
  'stringMatch',
  'boolMatch',
  'presentMatch',
  'listMatch',
  'orMatch',
]);

export const valueMatchPolicies = [valuePolicy];

/** A condition on a value of metadata. */
export function decodeValueMatch(scope: Scope, message: matcher.ValueMatcher): ValueMatch {
  scope.check(valuePolicy, message);
  const { doubleMatch, stringMatch, listMatch, orMatch } = message;
  if (message.nullMatch !== undefined) return { kind: 'null' };
  if (message.boolMatch !== undefined) return { kind: 'boolean', value: message.boolMatch };
  if (message.presentMatch !== undefined) return { kind: 'present', present: message.presentMatch };
  if (doubleMatch?.range !== undefined)
    return { kind: 'number', from: doubleMatch.range.start ?? 0, to: doubleMatch.range.end ?? 0 };
  if (doubleMatch !== undefined) return { kind: 'exact_number', value: doubleMatch.exact ?? 0 };
  if (stringMatch !== undefined)
    return { kind: 'string', match: decodeStringMatch(scope.at('stringMatch'), stringMatch) };
  if (listMatch !== undefined)
    return {
      kind: 'any_item',
      match: decodeValueMatch(scope.at('listMatch').at('oneOf'), listMatch.oneOf ?? {}),
    };
  if (orMatch !== undefined) {
    const at = scope.at('orMatch').at('valueMatchers');
    return {
      kind: 'or',
      matches: (orMatch.valueMatchers ?? []).map((one, i) => decodeValueMatch(at.at(i), one)),
    };
  }
  scope.fail('must say what to compare with');
  return { kind: 'null' };
}
