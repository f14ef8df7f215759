import type {
  Route as RouteMessage,
  RouteConfiguration as TableMessage,
  VirtualHost as VirtualHostMessage,
} from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import type { Route, RouteAction, RouteConfiguration, VirtualHost } from '../model/index.ts';
import { decodeConfigSource } from './config-source.ts';
import { wholly, type Parts } from '../timer/in-slices.ts';
import { decodeMetadata } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderOperations } from './headers.ts';
import { decodeCorsPolicy } from './cors.ts';
import { decodeRouteFilterConfig } from './http-filter.ts';
import { decodeHedgePolicy, decodeRetryPolicy } from './retry-policy.ts';
import { decodeDirectResponse, decodeForward, decodeMirrors, decodeRedirect } from './route-action.ts';
import { decodeRateLimits } from './rate-limit-rules.ts';
import { decodeRouteMatch } from './route-match.ts';
import type { Scope } from './scope.ts';
import { decodeRouteTracing } from './tracing.ts';

const tablePolicy = fieldPolicy(
  route.RouteConfiguration,
  [
    'name',
    'virtualHosts',
    'vhds',
    'internalOnlyHeaders',
    'responseHeadersToAdd',
    'responseHeadersToRemove',
    'requestHeadersToAdd',
    'requestHeadersToRemove',
    'mostSpecificHeaderMutationsWins',
    'validateClusters',
    'maxDirectResponseBodySizeBytes',
    'requestMirrorPolicies',
    'ignorePortInHostMatching',
    'ignorePathParametersInPathMatching',
    'typedPerFilterConfig',
  ],
  { metadata: 'nothing of this proxy reads the metadata of a table' },
);
const hostPolicy = fieldPolicy(
  route.VirtualHost,
  [
    'name',
    'domains',
    'routes',
    'requireTls',
    'rateLimits',
    'requestHeadersToAdd',
    'requestHeadersToRemove',
    'responseHeadersToAdd',
    'responseHeadersToRemove',
    'cors',
    'typedPerFilterConfig',
    'includeRequestAttemptCount',
    'includeAttemptCountInResponse',
    'retryPolicy',
    'hedgePolicy',
    'requestMirrorPolicies',
    'metadata',
    'includeIsTimeoutRetryHeader',
    'perRequestBufferLimitBytes',
  ],
  {
    virtualClusters: 'adds statistics only',
  },
);
const routePolicy = fieldPolicy(route.Route, [
  'name',
  'match',
  'route',
  'redirect',
  'directResponse',
  'metadata',
  'decorator',
  'typedPerFilterConfig',
  'requestHeadersToAdd',
  'requestHeadersToRemove',
  'responseHeadersToAdd',
  'responseHeadersToRemove',
  'statPrefix',
  'perRequestBufferLimitBytes',
  'tracing',
]);

export const routePolicies = [tablePolicy, hostPolicy, routePolicy];

/** A route table. */
export function decodeRouteConfiguration(scope: Scope, message: TableMessage): RouteConfiguration {
  return wholly(routeConfigurationParts(scope, message));
}

/** The same, route by route. */
export function* routeConfigurationParts(scope: Scope, message: TableMessage): Parts<RouteConfiguration> {
  scope.check(tablePolicy, message);
  const virtualHosts: VirtualHost[] = [];
  for (const [i, host] of (message.virtualHosts ?? []).entries()) {
    virtualHosts.push(yield* virtualHostParts(scope.at('virtualHosts').at(i), host));
  }
  return {
    name: message.name ?? '',
    ...(message.vhds === undefined ? {} : decodeVhds(scope.at('vhds').at('configSource'), message)),
    virtualHosts,
    requestHeaders: decodeHeaderOperations(scope, message, 'request'),
    responseHeaders: decodeHeaderOperations(scope, message, 'response'),
    mostSpecificHeaderMutationsWins: message.mostSpecificHeaderMutationsWins ?? false,
    ignorePortInHostMatching: message.ignorePortInHostMatching ?? false,
    ...(message.ignorePathParametersInPathMatching === true ? { ignorePathParameters: true } : {}),
    maxDirectResponseBodyBytes: message.maxDirectResponseBodySizeBytes ?? 4_096,
    internalOnlyHeaders: message.internalOnlyHeaders ?? [],
    mirrors: decodeMirrors(scope.at('requestMirrorPolicies'), message.requestMirrorPolicies),
    filterConfig: decodeRouteFilterConfig(scope.at('typedPerFilterConfig'), message.typedPerFilterConfig),
    validateClusters: message.validateClusters ?? false,
  };
}

const tlsRequirements: Readonly<Record<string, VirtualHost['requireTls']>> = {
  NONE: 'none',
  EXTERNAL_ONLY: 'external_only',
  ALL: 'all',
};

/** Where further virtual hosts come from; they are not waited for, a request that needs one is. */
function decodeVhds(scope: Scope, { name = '', vhds }: TableMessage): { readonly onDemandHosts: true } {
  const source = decodeConfigSource(scope, vhds?.configSource);
  const isDelta = source.kind === 'ads' || (source.kind === 'grpc' && source.variant === 'delta');
  // As Envoy: names that are asked for one by one need the incremental protocol.
  if (!isDelta) scope.fail('must be ads or api_config_source with DELTA_GRPC');
  scope.refersTo('virtualHosts', name, source);
  return { onDemandHosts: true };
}

/** Refuses what breaks a constraint of Envoy's API anywhere in a table, route by route. */
export function* constrainRouteConfiguration(scope: Scope, message: TableMessage): Parts<void> {
  const { virtualHosts = [], ...table } = message;
  scope.constrain(route.RouteConfiguration, table);
  for (const [i, { routes = [], ...host }] of virtualHosts.entries()) {
    const at = scope.at('virtualHosts').at(i);
    at.constrain(route.VirtualHost, host);
    for (const [r, one] of routes.entries()) {
      yield;
      at.at('routes').at(r).constrain(route.Route, one);
    }
  }
}

export function decodeVirtualHost(scope: Scope, message: VirtualHostMessage): VirtualHost {
  return wholly(virtualHostParts(scope, message));
}

function* virtualHostParts(scope: Scope, message: VirtualHostMessage): Parts<VirtualHost> {
  scope.check(hostPolicy, message);
  if ((message.domains ?? []).length === 0) scope.at('domains').fail('must have at least one domain');
  const routes: Route[] = [];
  for (const [i, item] of (message.routes ?? []).entries()) {
    yield;
    routes.push(decodeRoute(scope.at('routes').at(i), item));
  }
  return {
    name: message.name ?? '',
    domains: message.domains ?? [],
    routes,
    requireTls: scope.at('requireTls').choice(message.requireTls, tlsRequirements, 'none'),
    requestHeaders: decodeHeaderOperations(scope, message, 'request'),
    responseHeaders: decodeHeaderOperations(scope, message, 'response'),
    ...(message.retryPolicy === undefined
      ? {}
      : { retryPolicy: decodeRetryPolicy(scope.at('retryPolicy'), message.retryPolicy) }),
    ...(message.hedgePolicy === undefined
      ? {}
      : { hedgePolicy: decodeHedgePolicy(scope.at('hedgePolicy'), message.hedgePolicy) }),
    mirrors: decodeMirrors(scope.at('requestMirrorPolicies'), message.requestMirrorPolicies),
    ...(message.cors === undefined ? {} : { cors: decodeCorsPolicy(scope.at('cors'), message.cors) }),
    filterConfig: decodeRouteFilterConfig(scope.at('typedPerFilterConfig'), message.typedPerFilterConfig),
    includeRequestAttemptCount: message.includeRequestAttemptCount ?? false,
    includeAttemptCountInResponse: message.includeAttemptCountInResponse ?? false,
    ...(message.includeIsTimeoutRetryHeader === true ? { includeIsTimeoutRetryHeader: true } : {}),
    ...(message.perRequestBufferLimitBytes === undefined
      ? {}
      : { bufferLimitBytes: message.perRequestBufferLimitBytes }),
    rateLimits: decodeRateLimits(scope.at('rateLimits'), message.rateLimits),
    metadata: decodeMetadata(scope.at('metadata'), message.metadata),
  };
}

function decodeRoute(scope: Scope, message: RouteMessage): Route {
  scope.check(routePolicy, message);
  if (message.match === undefined) scope.at('match').fail('must be set');
  const { decorator } = message;
  return {
    name: message.name ?? '',
    match: decodeRouteMatch(scope.at('match'), message.match ?? { prefix: '/' }),
    action: decodeAction(scope, message),
    requestHeaders: decodeHeaderOperations(scope, message, 'request'),
    responseHeaders: decodeHeaderOperations(scope, message, 'response'),
    filterConfig: decodeRouteFilterConfig(scope.at('typedPerFilterConfig'), message.typedPerFilterConfig),
    ...(decorator === undefined
      ? {}
      : { decorator: { operation: decorator.operation ?? '', propagate: decorator.propagate ?? true } }),
    ...(message.tracing === undefined
      ? {}
      : { tracing: decodeRouteTracing(scope.at('tracing'), message.tracing) }),
    metadata: decodeMetadata(scope.at('metadata'), message.metadata),
    ...(message.statPrefix === undefined ? {} : { statPrefix: message.statPrefix }),
    ...(message.perRequestBufferLimitBytes === undefined
      ? {}
      : { bufferLimitBytes: message.perRequestBufferLimitBytes }),
  };
}

function decodeAction(scope: Scope, message: RouteMessage): RouteAction {
  if (message.route !== undefined) return decodeForward(scope.at('route'), message.route);
  if (message.redirect !== undefined) return decodeRedirect(scope.at('redirect'), message.redirect);
  if (message.directResponse !== undefined) {
    return decodeDirectResponse(scope.at('directResponse'), message.directResponse);
  }
  scope.fail('must have one of route, redirect, direct_response');
  return { kind: 'direct_response', status: 404 };
}
