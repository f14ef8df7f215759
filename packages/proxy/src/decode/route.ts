import type { Problem } from '@lateen/core';
import type {
  Route as RouteMessage,
  RouteConfiguration as TableMessage,
  VirtualHost as VirtualHostMessage,
} from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import {
  heldVirtualHost,
  type Route,
  type RouteAction,
  type RouteConfiguration,
  type RouteTableSettings,
  type VirtualCluster,
  type VirtualHost,
  type VirtualHostSource,
} from '../model/index.ts';
import { RouteCheck } from '../route/route-check.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { decodeConfigSource } from './config-source.ts';
import { wholly, type Parts } from '../timer/in-slices.ts';
import { decodeMetadata } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch, decodeHeaderOperations } from './headers.ts';
import { decodeCorsPolicy } from './cors.ts';
import { decodeRouteFilterConfig } from './http-filter.ts';
import { decodeHedgePolicy, decodeRetryPolicy } from './retry-policy.ts';
import { decodeDirectResponse, decodeForward, decodeMirrors, decodeRedirect } from './route-action.ts';
import { decodeRateLimits } from './rate-limit-rules.ts';
import { badRegexPlace } from './regex-place.ts';
import { decodeRouteMatch } from './route-match.ts';
import { splitField, textField } from './field-split.ts';
import { Scope } from './scope.ts';
import { decodeRouteTracing } from './tracing.ts';
import { UnreadVirtualHost } from './unread-virtual-host.ts';

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
const hostPolicy = fieldPolicy(route.VirtualHost, [
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
  'virtualClusters',
]);
const virtualClusterPolicy = fieldPolicy(route.VirtualCluster, ['headers', 'name']);
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

export const routePolicies = [tablePolicy, hostPolicy, virtualClusterPolicy, routePolicy];

/** Number of `virtual_hosts` in RouteConfiguration. */
const virtualHostsField = 2;
/** Numbers of `name` and `routes` in VirtualHost. */
const hostNameField = 1;
const routesField = 3;

/** A virtual host up to this size is read in a tenth of a millisecond: it is not worth being taken apart. */
const mostAtOnceBytes = 4_096;

/** A message, or its bytes while its turn has not come. */
type Unread<T> = T | Uint8Array;

/** Takes routes: a list, or a count. */
type RouteCollector = Pick<Route[], 'push'>;

/** How the virtual hosts of a table are decoded. */
interface HostDecoding {
  /** Says what cannot be compiled; undefined where that is known already. */
  readonly check: RouteCheck | undefined;
  /** The constraints of Envoy's API are checked too, and not with the message around it. */
  readonly constrains: boolean;
}

/** A route table. */
export function decodeRouteConfiguration(scope: Scope, message: TableMessage): RouteConfiguration {
  return wholly(tableParts(scope, message, message.virtualHosts ?? [], false));
}

/** The same, route by route, with the constraints of Envoy's API. */
export function routeConfigurationParts(scope: Scope, message: TableMessage): Parts<RouteConfiguration> {
  return tableParts(scope, message, message.virtualHosts ?? [], true);
}

/**
 * The same from bytes. Of the messages and models that a table consists of only one virtual host is there at a time, of a
 * large one only one route: what is made of 5,000 routes would else all grow old, and be collected while requests wait.
 * The model keeps the virtual hosts' bytes.
 *
 * Of the table `before` the settings and virtual hosts that came in the same bytes are taken over as they are.
 */
export function* routeBytesParts(
  scope: Scope,
  bytes: Uint8Array,
  before?: RouteConfiguration,
): Parts<RouteConfiguration | undefined> {
  const split = splitField(bytes, virtualHostsField);
  const message = scope.read(route.RouteConfiguration, split?.rest ?? bytes);
  if (message === undefined) return undefined;
  if (split === undefined) return yield* tableParts(scope, message, message.virtualHosts ?? [], true);
  if (before?.settingsBytes === undefined || Buffer.compare(before.settingsBytes, split.rest) !== 0) {
    const table = yield* tableParts(scope, message, split.values, true);
    return { ...table, settingsBytes: split.rest };
  }
  const { virtualHosts } = yield* tableParts(scope, message, split.values, true, unreadHosts(before));
  return { ...before, virtualHosts };
}

/** The virtual hosts of a table whose bytes are known. */
function unreadHosts({ virtualHosts }: RouteConfiguration): ReadonlyMap<string, UnreadVirtualHost> {
  const unread = virtualHosts.filter((host) => host instanceof UnreadVirtualHost);
  return new Map(unread.map((host) => [host.name, host]));
}

function* tableParts(
  scope: Scope,
  message: TableMessage,
  hosts: readonly Unread<VirtualHostMessage>[],
  constrains: boolean,
  known?: ReadonlyMap<string, UnreadVirtualHost>,
): Parts<RouteConfiguration> {
  scope.check(tablePolicy, message);
  const settings = decodeSettings(scope, message);
  const { virtualHosts: _, ...table } = message;
  if (constrains) scope.constrain(route.RouteConfiguration, table);
  const check = new RouteCheck(settings);
  scope.failAll(check.table());
  const virtualHosts: VirtualHostSource[] = [];
  for (const [i, host] of hosts.entries()) {
    yield;
    const at = hostScope(scope, i);
    if (host instanceof Uint8Array) {
      const same = known?.get(textField(host, hostNameField) ?? '');
      const source = same?.isAlso(host) === true ? same : yield* checkedHost(at, host, check);
      if (source !== undefined) virtualHosts.push(source);
    } else {
      virtualHosts.push(heldVirtualHost(yield* heldHostParts(at, host, { check, constrains })));
    }
  }
  return { ...settings, virtualHosts };
}

function hostScope(table: Scope, index: number): Scope {
  return table.at('virtualHosts').at(index);
}

/** What a table says for all its virtual hosts. */
function decodeSettings(scope: Scope, message: TableMessage): RouteTableSettings {
  return {
    name: message.name ?? '',
    ...(message.vhds === undefined ? {} : decodeVhds(scope.at('vhds').at('configSource'), message)),
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

/** A virtual host that comes by itself; what of it cannot be compiled, its table says. */
export function decodeVirtualHost(scope: Scope, message: VirtualHostMessage): VirtualHost {
  return wholly(heldHostParts(scope, message, { check: undefined, constrains: false }));
}

function* heldHostParts(
  scope: Scope,
  message: VirtualHostMessage,
  decoding: HostDecoding,
): Parts<VirtualHost> {
  const routes: Route[] = [];
  const host = yield* virtualHostParts(scope, message, message.routes ?? [], decoding, routes);
  return { ...host, routes };
}

/** Says what is wrong with a virtual host, and keeps its bytes only. Undefined where they cannot be read. */
function* checkedHost(
  scope: Scope,
  bytes: Uint8Array,
  check: RouteCheck,
): Parts<VirtualHostSource | undefined> {
  const { noteCount, runtime } = scope;
  let routeCount = 0;
  const counter: RouteCollector = { push: (...routes) => (routeCount += routes.length) };
  const host = yield* hostBytesParts(scope, bytes, { check, constrains: true }, counter);
  if (host === undefined) return undefined;
  const { name, domains } = host;
  const facts = { name, domains, routeCount };
  const read = hostReader(name, runtime);
  // What it makes the resource note has to be noted with each version of it.
  if (scope.noteCount > noteCount) return { ...facts, read: () => read(bytes) };
  return new UnreadVirtualHost(facts, bytes, read);
}

/** Apart, so that it holds no bytes. */
function hostReader(name: string, runtime: Runtime | undefined): (bytes: Uint8Array) => Parts<VirtualHost> {
  return (bytes) => readHost(Scope.root(runtime), bytes, name);
}

function* readHost(scope: Scope, bytes: Uint8Array, name: string): Parts<VirtualHost> {
  const routes: Route[] = [];
  const host = yield* hostBytesParts(scope, bytes, { check: undefined, constrains: false }, routes);
  if (host === undefined) throw new Error(`virtual host ${name} was good and cannot be read any more`);
  return { ...host, routes };
}

function* hostBytesParts(
  scope: Scope,
  bytes: Uint8Array,
  decoding: HostDecoding,
  routes: RouteCollector,
): Parts<VirtualHost | undefined> {
  const split = bytes.length > mostAtOnceBytes ? splitField(bytes, routesField) : undefined;
  const message = scope.read(route.VirtualHost, split?.rest ?? bytes);
  if (message === undefined) return undefined;
  return yield* virtualHostParts(scope, message, split?.values ?? message.routes ?? [], decoding, routes);
}

/** Hands its routes to a collector, one by one; the virtual host itself has none. */
function* virtualHostParts(
  scope: Scope,
  message: VirtualHostMessage,
  items: readonly Unread<RouteMessage>[],
  { check, constrains }: HostDecoding,
  routes: RouteCollector,
): Parts<VirtualHost> {
  scope.check(hostPolicy, message);
  const { routes: _, ...itself } = message;
  const host = decodeHostItself(scope, itself);
  if (constrains) scope.constrain(route.VirtualHost, itself);
  scope.failAll(check?.host(host));
  for (const [i, item] of items.entries()) {
    yield;
    const at = scope.at('routes').at(i);
    const one = item instanceof Uint8Array ? at.read(route.Route, item) : item;
    if (one === undefined) continue;
    const { problemCount } = scope;
    const decoded = decodeRoute(at, one);
    routes.push(decoded);
    // After the decoders, whose words say more.
    if (constrains) at.constrain(route.Route, one);
    if (scope.problemCount === problemCount) at.failAll(placed(check?.route(decoded, host), one));
  }
  return host;
}

/** The check knows models: where an expression stands only the message tells. */
function placed(found: readonly Problem[] = [], message: RouteMessage): readonly Problem[] {
  return found.map((one) =>
    one.path === 'match' ? { ...one, path: badRegexPlace(message) ?? one.path } : one,
  );
}

function decodeHostItself(scope: Scope, message: VirtualHostMessage): VirtualHost {
  if ((message.domains ?? []).length === 0) scope.at('domains').fail('must have at least one domain');
  return {
    name: message.name ?? '',
    domains: message.domains ?? [],
    routes: [],
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
    ...(message.virtualClusters === undefined || message.virtualClusters.length === 0
      ? {}
      : { virtualClusters: decodeVirtualClusters(scope.at('virtualClusters'), message.virtualClusters) }),
    metadata: decodeMetadata(scope.at('metadata'), message.metadata),
  };
}

function decodeVirtualClusters(
  scope: Scope,
  messages: NonNullable<VirtualHostMessage['virtualClusters']>,
): readonly VirtualCluster[] {
  return messages.map((message, i) => {
    const at = scope.at(i);
    at.check(virtualClusterPolicy, message);
    const { name = '', headers = [] } = message;
    // As Envoy.
    if (headers.length === 0) at.at('headers').fail('must not be empty');
    return { name, headers: headers.map((one, h) => decodeHeaderMatch(at.at('headers').at(h), one)) };
  });
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
