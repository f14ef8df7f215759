import type { SocketAddress } from './address.ts';
import type { ClusterLoadAssignment, HealthStatus } from './endpoint.ts';
import type { JsonValue, Metadata } from './metadata.ts';
import type { Http2Options } from './network-filter.ts';
import type { HeaderOperations } from './route.ts';
import type { StringMatch } from './string-match.ts';
import type { RedisCredentials } from './redis.ts';
import type { ProxyProtocolTransport, UpstreamTransport } from './tls.ts';

/** Where the endpoints of a cluster come from. */
export type Discovery =
  | { readonly kind: 'static' }
  | { readonly kind: 'eds'; readonly serviceName: string }
  | {
      /** `strict_dns`: an endpoint for each address; `logical_dns`: one, the first address. */
      readonly kind: 'strict_dns' | 'logical_dns';
      readonly refreshMs: number;
      readonly respectTtl: boolean;
      /** Name servers, as `10.0.0.10:53`; empty: the system resolves. */
      readonly nameServers?: readonly string[];
      /** The back-off after a failure; undefined: the refresh rate. */
      readonly failureBaseMs?: number;
      readonly failureMaxMs?: number;
      readonly family: 'auto' | 'v4_only' | 'v6_only' | 'v4_preferred' | 'all';
      /** False: the cluster serves before its names are resolved; default true. */
      readonly warms?: boolean;
    }
  | {
      readonly kind: 'original_dst';
      readonly useHttpHeader: boolean;
      readonly httpHeaderName: string;
      /** Where dynamic metadata may say it, after the header. */
      readonly metadataKey?: { readonly namespace: string; readonly path: readonly string[] };
      readonly portOverride?: number;
    }
  | { readonly kind: 'aggregate'; readonly clusters: readonly string[] }
  | {
      /** A Redis Cluster, whose nodes say who has which slots. */
      readonly kind: 'redis';
      readonly refreshMs: number;
      readonly timeoutMs: number;
      /** After so many redirections it is asked again, if not within this time; 0: never for that. */
      readonly redirectThreshold: number;
      readonly redirectIntervalMs: number;
    };

export interface SlowStart {
  readonly windowMs: number;
  readonly aggression: number;
  readonly minWeightPercent: number;
}

/** How an endpoint is chosen. */
export type LoadBalancing =
  | { readonly kind: 'round_robin'; readonly slowStart?: SlowStart }
  | {
      readonly kind: 'least_request';
      readonly choiceCount: number;
      /** Compare all hosts instead of a few. */
      readonly fullScan?: boolean;
      readonly activeRequestBias: number;
      readonly slowStart?: SlowStart;
    }
  | { readonly kind: 'random' }
  | { readonly kind: 'peak_ewma'; readonly decayMs: number }
  | {
      readonly kind: 'ring_hash';
      readonly minRingSize: number;
      readonly maxRingSize: number;
      readonly hashFunction: 'xx_hash' | 'murmur_hash_2';
      readonly useHostnameForHashing: boolean;
      /** Per cent of its share that a host may have under way, at least 100; undefined: no bound. */
      readonly hashBalanceFactor?: number;
    }
  | {
      readonly kind: 'maglev';
      readonly tableSize: number;
      readonly useHostnameForHashing: boolean;
      readonly hashBalanceFactor?: number;
    }
  /** By the discovery itself (original destination). */
  | { readonly kind: 'cluster_provided' };

export interface CircuitBreakerThresholds {
  /** Defaults 1024, 1024, 1024, 3. */
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  readonly retryBudget?: { readonly budgetPercent: number; readonly minRetryConcurrency: number };
  readonly trackRemaining: boolean;
}

/** Why a host is called an outlier. */
export type OutlierReason =
  | 'Consecutive5xx'
  | 'GatewayFailure'
  | 'LocalOrigin'
  | 'SuccessRate'
  | 'LocalSuccessRate'
  | 'FailurePercentage'
  | 'LocalFailurePercentage';

export interface OutlierDetection {
  readonly consecutive5xx: number;
  readonly consecutiveGatewayFailure: number;
  readonly consecutiveLocalOriginFailure: number;
  readonly enforcingConsecutive5xx: number;
  readonly enforcingConsecutiveGatewayFailure: number;
  readonly enforcingConsecutiveLocalOriginFailure: number;
  readonly enforcingSuccessRate: number;
  readonly successRateMinimumHosts: number;
  readonly successRateRequestVolume: number;
  readonly successRateStdevFactor: number;
  readonly failurePercentageThreshold: number;
  readonly enforcingFailurePercentage: number;
  /** These two only where local origin failures are counted by themselves. */
  readonly enforcingLocalOriginSuccessRate: number;
  readonly enforcingLocalOriginFailurePercentage: number;
  readonly failurePercentageMinimumHosts: number;
  readonly failurePercentageRequestVolume: number;
  readonly splitExternalLocalOriginErrors: boolean;
  readonly intervalMs: number;
  readonly baseEjectionTimeMs: number;
  readonly maxEjectionTimeMs: number;
  /** Up to so much is added to an ejection, so that hosts do not all come back at once. */
  readonly maxEjectionTimeJitterMs: number;
  readonly maxEjectionPercent: number;
  /** Eject the first host even where that is more than the maximum. */
  readonly alwaysEjectOneHost: boolean;
  /** A health check that succeeds ends an ejection. */
  readonly healthCheckUnejects: boolean;
}

/** A range of statuses; `end` is not part of it. */
export interface StatusRange {
  readonly start: number;
  readonly end: number;
}

export interface HealthCheck {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  /** The first check waits up to so much; so do the others, and up to so much of their interval. */
  readonly initialJitterMs: number;
  readonly intervalJitterMs: number;
  readonly intervalJitterPercent: number;
  /** While the cluster has never been used; default 60,000. */
  readonly noTrafficIntervalMs: number;
  readonly noTrafficHealthyIntervalMs: number;
  readonly unhealthyIntervalMs: number;
  /** For the one interval after a host has become unhealthy, or healthy. */
  readonly unhealthyEdgeIntervalMs: number;
  readonly healthyEdgeIntervalMs: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  /** The connection of a check serves the next one; default true. */
  readonly reuseConnection?: boolean;
  /** Files in which changes of health are written down, and whether each failure and success is too. */
  readonly events?: {
    readonly paths: readonly string[];
    readonly everyFailure: boolean;
    readonly everySuccess: boolean;
  };
  readonly check:
    | {
        readonly kind: 'http';
        /** Empty: that of the endpoint, or the cluster's name. */
        readonly host: string;
        readonly path: string;
        readonly method: string;
        readonly protocol: 'http1' | 'http2';
        readonly expectedStatuses: readonly StatusRange[];
        /** Not well, but only after the threshold. */
        readonly retriableStatuses: readonly StatusRange[];
        /** Added to the request, and taken out of it. */
        readonly headers?: HeaderOperations;
        /** What the answer's `x-envoy-upstream-healthchecked-cluster` must be. */
        readonly serviceName?: StringMatch;
      }
    | {
        readonly kind: 'tcp';
        readonly send?: Uint8Array;
        readonly receive: readonly Uint8Array[];
        /** The PROXY protocol's header that is sent first, in which the proxy speaks for itself. */
        readonly proxyProtocol?: ProxyProtocolTransport;
      }
    | {
        readonly kind: 'redis';
        /** Must not be there; empty: the host is pinged. */
        readonly key: string;
      }
    | {
        readonly kind: 'grpc';
        readonly service: string;
        readonly authority: string;
        readonly headers?: HeaderOperations;
      };
}

export interface UpstreamHttpOptions {
  /** `auto`: by ALPN; `downstream`: as the request came. */
  readonly protocol: 'http1' | 'http2' | 'auto' | 'downstream';
  readonly http2: Http2Options;
  /** How long an idle connection is kept; default 1 hour. */
  readonly idleTimeoutMs: number;
  /** 0: no limit. */
  readonly maxRequestsPerConnection: number;
  readonly maxConnectionDurationMs: number;
  readonly maxStreamDurationMs: number;
  /** Names are sent as `Content-Type`. */
  readonly properCase?: boolean;
  /** Request lines hold the whole URL. */
  readonly sendFullUrl?: boolean;
  /** Default 100. */
  readonly maxHeaders?: number;
  readonly preserveHeaderCase: boolean;
  readonly enableTrailers: boolean;
}

/** What is used where no group of endpoints is as the route asks: nothing, every endpoint, or one group. */
export type SubsetFallback = 'none' | 'any' | 'default_subset';

export interface SubsetSelector {
  readonly keys: readonly string[];
  /** Instead of that of the cluster; `keys_subset` looks again by `fallbackKeys` only. */
  readonly fallback?: SubsetFallback | 'keys_subset';
  readonly fallbackKeys: readonly string[];
  /** Each group has one endpoint: of several the first. */
  readonly singleHost?: boolean;
}

/** Endpoints grouped by metadata keys, chosen by the route's metadata match. */
export interface SubsetBalancing {
  readonly fallback: SubsetFallback;
  readonly defaultSubset: { readonly [key: string]: JsonValue };
  readonly selectors: readonly SubsetSelector[];
  /** Every endpoint where the fallback has none. */
  readonly panicModeAny: boolean;
  /** An endpoint whose value is a list is in the group of each item. */
  readonly listAsAny: boolean;
  /** Localities keep their weights within a group; `scaled`: less where it has fewer of their endpoints. */
  readonly localityWeights?: 'kept' | 'scaled';
  /** The route's metadata may list what to ask for (`fallback_list`), each on top of the rest. */
  readonly fallbackList?: boolean;
}

/** Requests stay in the zone that they come from, as far as each endpoint still gets its share. */
export interface ZoneAware {
  /** Of so many requests, per cent; default 100. */
  readonly routingPercent: number;
  /** Fewer healthy hosts are all used alike; default 6. */
  readonly minClusterSize: number;
  /** Refuse, instead of asking any host, where too few are healthy. */
  readonly failTrafficOnPanic: boolean;
}

/** Which of the addresses of an endpoint are tried first. */
export interface HappyEyeballs {
  /** `default`: that of the first address. */
  readonly firstFamily: 'default' | 'v4' | 'v6';
  /** So many of it before the first of the other; default 1. */
  readonly firstCount: number;
}

export interface Cluster {
  readonly name: string;
  /** The name in statistics where it is not `name`. */
  readonly statName?: string;
  readonly discovery: Discovery;
  /** Inline endpoints (static, DNS). */
  readonly loadAssignment?: ClusterLoadAssignment;
  readonly loadBalancing: LoadBalancing;
  readonly subsets?: SubsetBalancing;
  /** Below this share of healthy hosts all are used; default 50. */
  readonly panicThresholdPercent: number;
  readonly localityWeighted: boolean;
  /** Of use where the proxy knows which cluster it is part of; undefined: zones do not count. */
  readonly zoneAware?: ZoneAware;
  /** Default 5,000. */
  readonly connectTimeoutMs: number;
  readonly perConnectionBufferLimitBytes: number;
  readonly circuitBreakers: {
    readonly default: CircuitBreakerThresholds;
    readonly high: CircuitBreakerThresholds;
  };
  /** Of each endpoint; undefined: no limit of its own. */
  readonly maxHostConnections?: number;
  readonly outlierDetection?: OutlierDetection;
  /** HTTP/1 connections to a host for each request that it has; default 1. */
  readonly preconnectRatio?: number;
  readonly healthChecks: readonly HealthCheck[];
  readonly http: UpstreamHttpOptions;
  readonly transport: UpstreamTransport;
  /** The first whose `match` is contained in the endpoint's metadata `envoy.transport_socket_match` wins. */
  readonly transportMatches: readonly {
    readonly name: string;
    readonly match: { readonly [key: string]: JsonValue };
    readonly transport: UpstreamTransport;
  }[];
  /** Connections come from this address (`127.0.0.6` for Istio's inbound passthrough). */
  readonly sourceAddress?: SocketAddress;
  /** Used in its place towards endpoints of the other family: the first of theirs. */
  readonly extraSourceAddresses?: readonly SocketAddress[];
  readonly happyEyeballs?: HappyEyeballs;
  readonly tcpKeepalive?: { readonly timeMs: number };
  /** Close the connections of an endpoint as soon as it is gone from the assignment. */
  readonly closeConnectionsOnHostRemoval: boolean;
  /** An endpoint that becomes unhealthy loses its connections. */
  readonly closeConnectionsOnHealthFailure?: boolean;
  /** Endpoints of these healths keep their sessions; default: all that are not unhealthy or draining. */
  readonly overrideHostStatuses?: readonly HealthStatus[];
  /** Requests of one client connection have connections of their own. */
  readonly poolPerConnection?: boolean;
  readonly redis?: RedisCredentials;
  readonly metadata: Metadata;
}
