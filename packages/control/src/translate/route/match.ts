import { routingClaim, type HttpMatchRequest, type StringMatch } from '@lateen/config';
import type { RouteMatch } from '@lateen/protocol/envoy/config/route/v3';
import type { MetadataMatcher } from '@lateen/protocol/envoy/type/matcher/v3';
import { claimFitting, claimPresent } from '../security/claim-match.ts';
import { headerMatcher, queryMatcher, stringMatcher, withoutHeaderMatcher } from './string-match.ts';

/** The conditions of a request that the proxy looks at; what is decided before (port, source, gateway) is not in it. */
export function routeMatch(match: HttpMatchRequest | undefined): RouteMatch {
  if (match === undefined) return { prefix: '/' };
  const headers = [
    ...sorted(match.headers).flatMap(([name, value]) =>
      routingClaim(name) === undefined ? headerMatcher(name, value) : [],
    ),
    ...sorted(match.withoutHeaders).flatMap(([name, value]) =>
      routingClaim(name) === undefined ? withoutHeaderMatcher(name, value) : [],
    ),
    ...pseudo(':method', match.method),
    ...pseudo(':authority', match.authority),
    ...pseudo(':scheme', match.scheme),
  ];
  const dynamicMetadata = [
    ...sorted(match.headers).flatMap(([name, value]) => claimMatcher(name, value)),
    ...sorted(match.withoutHeaders).flatMap(([name, value]) =>
      claimMatcher(name, value).map((matcher) => ({ ...matcher, invert: true })),
    ),
  ];
  const queryParameters = sorted(match.queryParams).map(([name, value]) => queryMatcher(name, value));
  return {
    ...pathMatch(match.uri),
    ...(match.ignoreUriCase === true ? { caseSensitive: false } : {}),
    ...(headers.length === 0 ? {} : { headers }),
    ...(queryParameters.length === 0 ? {} : { queryParameters }),
    ...(dynamicMetadata.length === 0 ? {} : { dynamicMetadata }),
  };
}

/** The condition on a claim; none where the name is that of a header. */
function claimMatcher(name: string, match: StringMatch): MetadataMatcher[] {
  const claims = routingClaim(name);
  if (claims === undefined) return [];
  const text = stringMatcher(match);
  return [text === undefined ? claimPresent(claims) : claimFitting(claims, [text])];
}

function pathMatch(uri: StringMatch | undefined): Pick<RouteMatch, 'prefix' | 'path' | 'safeRegex'> {
  if (uri?.exact !== undefined) return { path: uri.exact };
  if (uri?.regex !== undefined) return { safeRegex: { regex: uri.regex } };
  return { prefix: uri?.prefix ?? '/' };
}

function pseudo(name: string, match: StringMatch | undefined) {
  return match === undefined ? [] : [headerMatcher(name, match)];
}

/** In the order of the names, so that the same rule always gives the same bytes. */
function sorted(map: Readonly<Record<string, StringMatch>> | undefined): [string, StringMatch][] {
  return Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** True where every request matches. */
export function matchesAll(match: RouteMatch): boolean {
  const everyPath =
    match.prefix === '/' || match.safeRegex?.regex === '.*' || match.safeRegex?.regex === '/.*';
  return (
    everyPath &&
    match.headers === undefined &&
    match.queryParameters === undefined &&
    match.dynamicMetadata === undefined
  );
}
