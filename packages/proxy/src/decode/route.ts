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
import { splitField } from './field-split.ts';
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

/** Number of `virtual_hosts` in RouteConfiguration. */
const virtualHostsField = 2;
/** Number of `routes` in VirtualHost. */
const routesField = 3;

/** A virtual host up to this size is read in a tenth of a millisecond: it is not worth being taken apart. */
const mostAtOnceBytes = 4_096;

/** A message, or its bytes while its turn has not come. */
type Unread<T> = T | Uint8Array;

/** A route table. */
export function decodeRouteConfiguration(scope: Scope, message: TableMessage): RouteConfiguration {
  return wholly(tableParts(scope, message, message.virtualHosts ?? [], false));
}

/** The same, route by route, with the constraints of Envoy's API. */
export function routeConfigurationParts(scope: Scope, message: TableMessage): Parts<RouteConfiguration> {
  return tableParts(scope, message, message.virtualHosts ?? [], true);
}

/**
 * The same from bytes. Of the messages that a table consists of only one virtual host is there at a time, of a large one
 * only one route: what is made of 5,000 routes would else all grow old, and be collected while requests wait.
 */
export function* routeBytesParts(scope: Scope, bytes: Uint8Array): Parts<RouteConfiguration | undefined> {
  const split = splitField(bytes, virtualHostsField);
  const table = scope.read(route.RouteConfiguration, split?.rest ?? bytes);
  if (table === undefined) return undefined;
  return yield* tableParts(scope, table, split?.values ?? table.virtualHosts ?? [], true);
}

function* tableParts(
  scope: Scope,
  message: TableMessage,
  hosts: readonly Unread<VirtualHostMessage>[],
  constrains: boolean,
): Parts<RouteConfiguration> {
  scope.check(tablePolicy, message);
  const virtualHosts: VirtualHost[] = [];
  for (const [i, host] of hosts.entries()) {
    yield;
    const decoded = yield* hostParts(scope.at('virtualHosts').at(i), host, constrains);
    if (decoded !== undefined) virtualHosts.push(decoded);
  }
  const { virtualHosts: _, ...table } = message;
  if (constrains) scope.constrain(route.RouteConfiguration, table);
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

export function decodeVirtualHost(scope: Scope, message: VirtualHostMessage): VirtualHost {
  return wholly(virtualHostParts(scope, message, message.routes ?? [], false));
}

function* hostParts(
  scope: Scope,
  host: Unread<VirtualHostMessage>,
  constrains: boolean,
): Parts<VirtualHost | undefined> {
  if (!(host instanceof Uint8Array))
    return yield* virtualHostParts(scope, host, host.routes ?? [], constrains);
  const split = host.length > mostAtOnceBytes ? splitField(host, routesField) : undefined;
  const message = scope.read(route.VirtualHost, split?.rest ?? host);
  if (message === undefined) return undefined;
  return yield* virtualHostParts(scope, message, split?.values ?? message.routes ?? [], constrains);
}

function* virtualHostParts(
  scope: Scope,
  message: VirtualHostMessage,
  items: readonly Unread<RouteMessage>[],
  constrains: boolean,
): Parts<VirtualHost> {
  scope.check(hostPolicy, message);
  if ((message.domains ?? []).length === 0) scope.at('domains').fail('must have at least one domain');
  const routes: Route[] = [];
  for (const [i, item] of items.entries()) {
    yield;
    const at = scope.at('routes').at(i);
    const one = item instanceof Uint8Array ? at.read(route.Route, item) : item;
    if (one === undefined) continue;
    routes.push(decodeRoute(at, one));
    // After the decoders, whose words say more.
    if (constrains) at.constrain(route.Route, one);
  }
  const { routes: _, ...host } = message;
  if (constrains) scope.constrain(route.VirtualHost, host);
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
