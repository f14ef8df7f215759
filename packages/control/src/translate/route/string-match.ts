import type { StringMatch } from '@lateen/config';
import type { HeaderMatcher, QueryParameterMatcher } from '@lateen/protocol/envoy/config/route/v3';
import type { StringMatcher } from '@lateen/protocol/envoy/type/matcher/v3';

/** The matcher of a value; undefined where the match asks only that there is one. */
export function stringMatcher(match: StringMatch): StringMatcher | undefined {
  if (match.exact !== undefined) return { exact: match.exact };
  if (match.prefix !== undefined) return { prefix: match.prefix };
  if (match.regex !== undefined) return { safeRegex: { regex: match.regex } };
  return undefined;
}

/** A condition on a header. */
export function headerMatcher(name: string, match: StringMatch): HeaderMatcher {
  const matcher = stringMatcher(match);
  return matcher === undefined ? { name, presentMatch: true } : { name, stringMatch: matcher };
}

/** The condition that a header does not match; one that is missing does not. */
export function withoutHeaderMatcher(name: string, match: StringMatch): HeaderMatcher {
  const matcher = headerMatcher(name, match);
  if (matcher.presentMatch === true) return { ...matcher, invertMatch: true };
  // Without this Envoy takes a missing header for one that fails the inverted rule too.
  return { ...matcher, invertMatch: true, treatMissingHeaderAsEmpty: true };
}

/** A condition on a query parameter. */
export function queryMatcher(name: string, match: StringMatch): QueryParameterMatcher {
  const matcher = stringMatcher(match);
  return matcher === undefined ? { name, presentMatch: true } : { name, stringMatch: matcher };
}
