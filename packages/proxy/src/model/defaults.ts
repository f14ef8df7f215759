import type { LocalRateLimit } from './rate-limit.ts';
import type { CircuitBreakerThresholds, Cluster, UpstreamHttpOptions, ZoneAware } from './cluster.ts';
import type { HttpFilter } from './http-filter.ts';
import { anyFilterChainMatch, type FilterChain, type Listener } from './listener.ts';
import type { Http2Options, HttpConnectionManager, NetworkFilter, TcpProxy } from './network-filter.ts';
import {
  noHeaderOperations,
  type ForwardAction,
  type Route,
  type RouteConfiguration,
  type VirtualHost,
  type VirtualHostSource,
} from './route.ts';

/** Envoy's defaults, at one place: the decoder and tests start from these and set what differs. */

export const defaultThresholds: CircuitBreakerThresholds = {
  maxConnections: 1024,
  maxPendingRequests: 1024,
  maxRequests: 1024,
  maxRetries: 3,
  trackRemaining: false,
};

export const defaultHttp2: Http2Options = {
  maxConcurrentStreams: 2_147_483_647,
  initialStreamWindowBytes: 268_435_456,
  initialConnectionWindowBytes: 268_435_456,
  allowConnect: false,
};

export const defaultUpstreamHttp: UpstreamHttpOptions = {
  protocol: 'http1',
  http2: defaultHttp2,
  idleTimeoutMs: 3_600_000,
  maxRequestsPerConnection: 0,
  maxConnectionDurationMs: 0,
  maxStreamDurationMs: 0,
  preserveHeaderCase: false,
  enableTrailers: false,
};

/** As Envoy: wherever the proxy knows its own cluster. */
export const defaultZoneAware: ZoneAware = {
  routingPercent: 100,
  minClusterSize: 6,
  failTrafficOnPanic: false,
};

/** A static round-robin cluster with Envoy's defaults. */
export function defaultCluster(name: string): Cluster {
  return {
    name,
    discovery: { kind: 'static' },
    loadBalancing: { kind: 'round_robin' },
    panicThresholdPercent: 50,
    localityWeighted: false,
    zoneAware: defaultZoneAware,
    connectTimeoutMs: 5_000,
    perConnectionBufferLimitBytes: 1_048_576,
    circuitBreakers: { default: defaultThresholds, high: defaultThresholds },
    healthChecks: [],
    http: defaultUpstreamHttp,
    transport: { kind: 'raw' },
    transportMatches: [],
    closeConnectionsOnHostRemoval: false,
    metadata: {},
  };
}

/** A connection manager without routes and filters but the router. */
export function defaultHttpConnectionManager(
  routes: HttpConnectionManager['routes'],
  httpFilters: readonly HttpFilter[] = [
    {
      name: 'envoy.filters.http.router',
      config: { kind: 'router', suppressEnvoyHeaders: false },
      disabled: false,
    },
  ],
): HttpConnectionManager & { readonly name: string } {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    kind: 'http_connection_manager',
    statPrefix: 'http',
    codec: 'auto',
    routes,
    httpFilters,
    accessLogs: [],
    serverName: 'envoy',
    serverHeader: 'overwrite',
    useRemoteAddress: false,
    xffTrustedHops: 0,
    skipXffAppend: false,
    via: '',
    generateRequestId: true,
    preserveExternalRequestId: false,
    alwaysSetRequestIdInResponse: false,
    forwardClientCert: {
      mode: 'sanitize',
      subject: false,
      cert: false,
      chain: false,
      dns: false,
      uri: false,
    },
    pathNormalization: { normalize: true, mergeSlashes: false, escapedSlashes: 'keep' },
    stripHostPort: 'keep',
    stripTrailingHostDot: false,
    headersWithUnderscores: 'allow',
    upgrades: [],
    idleTimeoutMs: 3_600_000,
    streamIdleTimeoutMs: 300_000,
    requestTimeoutMs: 0,
    requestHeadersTimeoutMs: 0,
    drainTimeoutMs: 5_000,
    maxConnectionDurationMs: 0,
    maxStreamDurationMs: 0,
    maxRequestHeadersBytes: 61_440,
    maxHeaders: 100,
    maxRequestsPerConnection: 0,
    http1: {
      acceptHttp10: false,
      defaultHostForHttp10: '',
      preserveHeaderCase: false,
      enableTrailers: false,
      allowAbsoluteUrl: true,
      allowChunkedLength: false,
      allowCustomMethods: false,
    },
    http2: { ...defaultHttp2, maxConcurrentStreams: 2_147_483_647 },
    proxy100Continue: false,
  };
}

/** A TCP proxy to one cluster. */
export function defaultTcpProxy(cluster: string): TcpProxy & { readonly name: string } {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    kind: 'tcp_proxy',
    statPrefix: cluster,
    clusters: [{ name: cluster, weight: 1 }],
    idleTimeoutMs: 3_600_000,
    maxDownstreamConnectionDurationMs: 0,
    maxConnectAttempts: 1,
    hashPolicies: [],
    accessLogs: [],
  };
}

/** A chain that takes everything. */
export function defaultFilterChain(filters: readonly NetworkFilter[], name = ''): FilterChain {
  return {
    name,
    match: anyFilterChainMatch,
    transport: { kind: 'raw' },
    filters,
    transportConnectTimeoutMs: 0,
    metadata: {},
  };
}

/** A plain bound listener. */
export function defaultListener(
  name: string,
  address: Listener['address'],
  filterChains: readonly FilterChain[],
): Listener {
  return {
    name,
    address,
    additionalAddresses: [],
    bindToPort: true,
    useOriginalDst: false,
    transparent: false,
    trafficDirection: 'unspecified',
    listenerFilters: [],
    listenerFiltersTimeoutMs: 15_000,
    continueOnListenerFiltersTimeout: false,
    filterChains,
    perConnectionBufferLimitBytes: 1_048_576,
    accessLogs: [],
    reusePort: false,
    exactBalance: false,
    ignoreGlobalConnectionLimit: false,
    metadata: {},
  };
}

/** A route for everything under `/` to one cluster. */
export function defaultForward(cluster: string): ForwardAction {
  return {
    kind: 'forward',
    cluster: { kind: 'cluster', name: cluster },
    clusterNotFoundStatus: 503,
    appendXForwardedHost: false,
    timeoutMs: 15_000,
    mirrors: [],
    priority: 'default',
    hashPolicies: [],
    upgrades: [],
    rateLimits: [],
    includeHostRateLimits: false,
  };
}

/** A route that matches every path. */
export function defaultRoute(action: Route['action'], name = ''): Route {
  return {
    name,
    match: {
      path: { kind: 'prefix', value: '/' },
      caseSensitive: true,
      headers: [],
      queryParameters: [],
      grpc: false,
      dynamicMetadata: [],
    },
    action,
    requestHeaders: noHeaderOperations,
    responseHeaders: noHeaderOperations,
    filterConfig: {},
    metadata: {},
  };
}

/** A virtual host with nothing but domains and routes. */
export function defaultVirtualHost(
  name: string,
  domains: readonly string[],
  routes: readonly Route[],
): VirtualHost {
  return {
    name,
    domains,
    routes,
    requireTls: 'none',
    requestHeaders: noHeaderOperations,
    responseHeaders: noHeaderOperations,
    mirrors: [],
    filterConfig: {},
    includeRequestAttemptCount: false,
    includeAttemptCountInResponse: false,
    rateLimits: [],
    metadata: {},
  };
}

/** A virtual host that has been read already. */
export function heldVirtualHost(host: VirtualHost): VirtualHostSource {
  return {
    name: host.name,
    domains: host.domains,
    routeCount: host.routes.length,
    // oxlint-disable-next-line require-yield -- there is nothing to read
    *read() {
      return host;
    },
  };
}

/** A route table of these virtual hosts. */
export function defaultRouteConfiguration(
  name: string,
  virtualHosts: readonly VirtualHost[],
): RouteConfiguration {
  return {
    name,
    virtualHosts: virtualHosts.map(heldVirtualHost),
    requestHeaders: noHeaderOperations,
    responseHeaders: noHeaderOperations,
    mostSpecificHeaderMutationsWins: false,
    ignorePortInHostMatching: false,
    maxDirectResponseBodyBytes: 4_096,
    internalOnlyHeaders: [],
    mirrors: [],
    filterConfig: {},
    validateClusters: false,
  };
}

/** What a local rate limit has besides its bucket, where it says nothing. */
export const defaultLocalRateLimit: LocalRateLimit = {
  place: '',
  statPrefix: '',
  status: 429,
  descriptors: [],
  stage: 0,
  hostRateLimits: 'override',
  alwaysTakeDefault: true,
  perConnection: false,
  xRateLimitHeaders: false,
  resourceExhausted: false,
  responseHeaders: [],
  requestHeadersWhenNotEnforced: [],
};
