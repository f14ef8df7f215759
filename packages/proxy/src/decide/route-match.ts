import { isGrpc } from '../codec/grpc-timeout.ts';
import type { Metadata } from '../model/metadata.ts';
import type { RouteMatch } from '../model/route.ts';
import { compileHeaderMatch, type RoutableRequest } from './header-match.ts';
import { compileMetadataMatch } from './metadata-match.ts';
import { compileQueryMatch } from './query-match.ts';
import { compileRegex } from './string-match.ts';
import { parseUriTemplate } from './uri-template.ts';

/** A request for which a route is looked for. */
export interface RoutedRequest {
  readonly head: RoutableRequest;
  /** The request's random number in [0, 1), the same for every route, so that shares of following routes do not overlap. */
  readonly draw: number;
  /** What has been said of it so far (Envoy, `StreamInfo.dynamicMetadata`). */
  readonly dynamicMetadata: Metadata | undefined;
}

/** True where a request matches a route. `pathOnly` is its path without the query. */
export type RouteTest = (request: RoutedRequest, pathOnly: string) => boolean;

/** One for all: most routes of a mesh take every path. */
const anyPath: RouteTest = (_, text) => text.charCodeAt(0) === 47;

function pathTest(match: RouteMatch): RouteTest {
  const { path, caseSensitive } = match;
  if (path.kind === 'connect') return ({ head }) => head.method === 'CONNECT';
  if (path.kind === 'template') {
    const test = compileRegex(parseUriTemplate(path.template).regex);
    return (_, text) => test(text);
  }
  if (path.kind === 'regex') {
    const test = compileRegex(caseSensitive ? path.regex : `(?i:${path.regex})`);
    return (_, text) => test(text);
  }
  if (caseSensitive) {
    const { value } = path;
    if (path.kind === 'exact') return (_, text) => text === value;
    if (path.kind === 'prefix') {
      return value === '/' ? anyPath : (_, text) => text.startsWith(value);
    }
    return (_, text) =>
      text.startsWith(value) && (text.length === value.length || text.charCodeAt(value.length) === 47);
  }
  const value = path.value.toLowerCase();
  if (path.kind === 'exact') return (_, text) => text.length === value.length && text.toLowerCase() === value;
  const starts = (text: string): boolean => text.slice(0, value.length).toLowerCase() === value;
  if (path.kind === 'prefix') return (_, text) => starts(text);
  return (_, text) => starts(text) && (text.length === value.length || text.charCodeAt(value.length) === 47);
}

function shareOf({ numerator, denominator }: { numerator: number; denominator: number }): number {
  return numerator / denominator;
}

/** Compiles the conditions of a route, cheapest first. Throws where a regular expression is none. */
export function compileRouteMatch(match: RouteMatch): RouteTest {
  const onPath = pathTest(match);
  const headers = match.headers.map(compileHeaderMatch);
  const query = match.queryParameters.map(compileQueryMatch);
  const said = match.dynamicMetadata.map(compileMetadataMatch);
  const { runtimeFraction, grpc } = match;
  const whole = { numerator: 1, denominator: 1 };
  // A share without a key stays what it is.
  const isAll = (runtimeFraction?.runtimeKey ?? '') === '' && shareOf(runtimeFraction ?? whole) >= 1;
  const share = isAll ? whole : (runtimeFraction ?? whole);
  if (headers.length === 0 && query.length === 0 && said.length === 0 && isAll && !grpc) {
    return onPath;
  }
  return (request, pathOnly) => {
    if (!onPath(request, pathOnly)) return false;
    if (!isAll && request.draw >= shareOf(share)) return false;
    const { head } = request;
    for (const test of headers) if (!test(head)) return false;
    for (const test of query) if (!test(head.path)) return false;
    for (const test of said) if (!test(request.dynamicMetadata)) return false;
    return !grpc || isGrpc(head.headers);
  };
}
