import type {
  QueryParameterMatcher,
  RouteMatch as RouteMatchMessage,
} from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import { UriTemplateMatchConfig } from '@lateen/protocol/envoy/extensions/path/match/uri_template/v3';
import type { PathMatch, QueryParameterMatch, RouteMatch } from '../model/index.ts';
import { decodeRegex, decodeRuntimeFraction, decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import { decodeMetadataMatch } from './metadata-match.ts';
import type { Scope } from './scope.ts';

const matchPolicy = fieldPolicy(route.RouteMatch, [
  'prefix',
  'path',
  'safeRegex',
  'connectMatcher',
  'pathSeparatedPrefix',
  'pathMatchPolicy',
  'caseSensitive',
  'runtimeFraction',
  'headers',
  'queryParameters',
  'grpc',
  'dynamicMetadata',
]);
const queryPolicy = fieldPolicy(route.QueryParameterMatcher, ['name', 'stringMatch', 'presentMatch']);

export const routeMatchPolicies = [matchPolicy, queryPolicy];

/** Which requests a route takes. */
export function decodeRouteMatch(scope: Scope, message: RouteMatchMessage): RouteMatch {
  scope.check(matchPolicy, message);
  return {
    path: decodePath(scope, message),
    caseSensitive: message.caseSensitive ?? true,
    headers: (message.headers ?? []).map((header, i) => decodeHeaderMatch(scope.at('headers').at(i), header)),
    queryParameters: (message.queryParameters ?? []).map((query, i) =>
      decodeQueryParameter(scope.at('queryParameters').at(i), query),
    ),
    ...(message.runtimeFraction === undefined
      ? {}
      : { runtimeFraction: decodeRuntimeFraction(scope.at('runtimeFraction'), message.runtimeFraction) }),
    grpc: message.grpc !== undefined,
    dynamicMetadata: (message.dynamicMetadata ?? []).map((condition, i) =>
      decodeMetadataMatch(scope.at('dynamicMetadata').at(i), condition),
    ),
  };
}

function decodePath(scope: Scope, message: RouteMatchMessage): PathMatch {
  if (message.prefix !== undefined) return { kind: 'prefix', value: message.prefix };
  if (message.path !== undefined) return { kind: 'exact', value: message.path };
  if (message.safeRegex !== undefined) {
    return { kind: 'regex', regex: decodeRegex(scope.at('safeRegex'), message.safeRegex) };
  }
  if (message.pathSeparatedPrefix !== undefined) {
    const value = message.pathSeparatedPrefix;
    if (!/^\/[^?#]*[^?#/]$/.test(value)) {
      scope
        .at('pathSeparatedPrefix')
        .fail(`"${value}" must begin with / and not end with it, without ? and #`);
    }
    return { kind: 'segment_prefix', value };
  }
  if (message.connectMatcher !== undefined) return { kind: 'connect' };
  if (message.pathMatchPolicy !== undefined) {
    const at = scope.at('pathMatchPolicy').at('typedConfig');
    const template =
      at.unpack(UriTemplateMatchConfig, message.pathMatchPolicy.typedConfig)?.pathTemplate ?? '';
    return { kind: 'template', template };
  }
  scope.fail(
    'must have one of prefix, path, safe_regex, path_separated_prefix, connect_matcher, path_match_policy',
  );
  return { kind: 'prefix', value: '/' };
}

/** A condition on one query parameter. */
export function decodeQueryParameter(scope: Scope, message: QueryParameterMatcher): QueryParameterMatch {
  scope.check(queryPolicy, message);
  if (message.name === undefined) scope.at('name').fail('must not be empty');
  return {
    name: message.name ?? '',
    match:
      message.stringMatch === undefined
        ? { kind: 'present', present: message.presentMatch ?? true }
        : { kind: 'string', string: decodeStringMatch(scope.at('stringMatch'), message.stringMatch) },
  };
}
