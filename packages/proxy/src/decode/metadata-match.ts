import * as matcher from '@lateen/protocol/envoy/type/matcher/v3';
import type { MetadataMatch, StringMatch } from '../model/index.ts';
import { decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';
import { decodeValueMatch } from './value-match.ts';

/** For everybody who takes conditions on metadata. */
export const metadataMatcherPolicy = fieldPolicy(matcher.MetadataMatcher, [
  'filter',
  'path',
  'value',
  'invert',
]);

export const metadataMatchPolicies = [metadataMatcherPolicy];

/** A condition on metadata of a request. */
export function decodeMetadataMatch(scope: Scope, message: matcher.MetadataMatcher): MetadataMatch {
  scope.check(metadataMatcherPolicy, message);
  return {
    namespace: message.filter ?? '',
    path: (message.path ?? []).map(({ key = '' }) => key),
    value: decodeValueMatch(scope.at('value'), message.value ?? {}),
    invert: message.invert ?? false,
  };
}

/** Conditions of which one has to hold; undefined where there is no list. */
export function decodeStringList(
  scope: Scope,
  list: matcher.ListStringMatcher | undefined,
): readonly StringMatch[] | undefined {
  return list?.patterns?.map((pattern, i) => decodeStringMatch(scope.at('patterns').at(i), pattern));
}
