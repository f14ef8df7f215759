import type { RuntimeCell } from '../runtime/runtime.ts';
import type { CorsPolicy, HttpFilter, HttpFilterConfig } from './http-filter.ts';
import type { MetadataMatch } from './metadata-match.ts';
import type { Metadata } from './metadata.ts';
import type { RateLimitRule } from './rate-limit.ts';
import type { Fraction, StringMatch } from './string-match.ts';
import type { Parts } from '../timer/in-slices.ts';
import type { RouteTracing } from './tracing.ts';

/** A condition on one header; pseudo headers (`:method`, `:authority`, `:path`, `:scheme`) are allowed. */
export interface HeaderMatch {
  readonly name: string;
  readonly match:
    | { readonly kind: 'present'; readonly present: boolean }
    | { readonly kind: 'range'; readonly start: number; readonly end: number }
    | { readonly kind: 'string'; readonly string: StringMatch };
  readonly invert: boolean;
  readonly treatMissingAsEmpty: boolean;
}

/** A condition on one query parameter; without a string match: the parameter is there. */
export interface QueryParameterMatch {
  readonly name: string;
  readonly match:
    | { readonly kind: 'present'; readonly present: boolean }
    | { readonly kind: 'string'; readonly string: StringMatch };
}

/** How the path (without the query) is compared. Regular expressions must match all of it. */
export type PathMatch =
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'exact'; readonly value: string }
  /** `/api` matches `/api` and `/api/x`, not `/apis`. */
  | { readonly kind: 'segment_prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly regex: string }
  /** `/shops/{shop}/items/{rest=**}`. */
  | { readonly kind: 'template'; readonly template: string }
  /** Any CONNECT request. */
  | { readonly kind: 'connect' };

export interface RouteMatch {
  readonly path: PathMatch;
  /** Default true; false compares ASCII letters without case. */
  readonly caseSensitive: boolean;
  readonly headers: readonly HeaderMatch[];
  readonly queryParameters: readonly QueryParameterMatch[];
  readonly runtimeFraction?: Fraction;
  /** Only gRPC requests (`content-type: application/grpc…`). */
  readonly grpc: boolean;
  /** Conditions on what filters, or the listener, have said of the request; all have to hold. */
  readonly dynamicMetadata: readonly MetadataMatch[];
}

/** A header that is added; the value may hold Envoy's substitutions (`%DOWNSTREAM_REMOTE_ADDRESS%`). */
export interface HeaderAddition {
  readonly name: string;
  readonly value: string;
  readonly action: 'append' | 'add_if_absent' | 'overwrite' | 'overwrite_if_exists';
  readonly keepEmpty: boolean;
}

/** Removals happen after additions, as in Envoy. */
export interface HeaderOperations {
  readonly add: readonly HeaderAddition[];
  readonly remove: readonly string[];
}

/** A cluster in a weighted set, with what it changes. */
export interface WeightedCluster {
  /** Empty where {@link header} names it. */
  readonly name: string;
  /** The cluster named by a header. */
  readonly header?: string;
  readonly weight: number;
  /** Where the runtime has another weight, now. */
  readonly runtimeWeight?: RuntimeCell;
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
  readonly hostRewrite?: string;
  readonly metadataMatch?: Metadata;
  readonly filterConfig: Readonly<Record<string, HttpFilterConfig>>;
}

export type ClusterChoice =
  | { readonly kind: 'cluster'; readonly name: string }
  | {
      readonly kind: 'weighted';
      readonly clusters: readonly WeightedCluster[];
      /** A header whose number chooses in place of chance, so that several proxies choose alike. */
      readonly drawHeader?: string;
    }
  /** The cluster named by a header. */
  | { readonly kind: 'header'; readonly header: string };

export interface RegexRewrite {
  readonly regex: string;
  /** RE2 substitution: `\1` is the first group. */
  readonly substitution: string;
}

export interface RetryPolicy {
  /** Envoy's conditions: `5xx`, `gateway-error`, `connect-failure`, `refused-stream`, `reset`, `unavailable`… */
  readonly retryOn: readonly string[];
  readonly retriableStatusCodes: readonly number[];
  readonly retriableHeaders: readonly HeaderMatch[];
  /** Tries after the first. */
  readonly numRetries: number;
  readonly perTryTimeoutMs?: number;
  readonly perTryIdleTimeoutMs?: number;
  /** Default 25 ms. */
  readonly backoffBaseMs: number;
  /** Default ten times the base. */
  readonly backoffMaxMs: number;
  /** Choose a host that was not tried before. */
  readonly avoidPreviousHosts: boolean;
  /** How often a host is chosen again before the rule above is given up. */
  readonly hostSelectionMaxAttempts: number;
  /** How often the priorities are shifted away from those that failed. */
  readonly previousPrioritiesUpdateFrequency?: number;
  readonly retriableRequestHeaders: readonly HeaderMatch[];
  readonly rateLimitedResetHeaders: readonly { readonly name: string; readonly format: 'seconds' | 'unix' }[];
  /** Longest time that such a header may ask for; more is not waited for. Default 300 s. */
  readonly rateLimitedMaxMs?: number;
  /** Leave canaries (`envoy.lb` metadata `canary`) out of further tries. */
  readonly omitCanaryHosts?: boolean;
  /** Leave hosts that have one of these metadata out of further tries. */
  readonly omitHostsWith?: readonly Metadata[];
}

/** Several tries of one request at a time: the first good answer is taken. */
export interface HedgePolicy {
  /** A try that takes too long goes on beside the next one. */
  readonly hedgeOnPerTryTimeout: boolean;
}

/** Where the hash of a request comes from; the first `terminal` policy that gives one ends the list. */
export type HashPolicy = { readonly terminal: boolean } & (
  | { readonly kind: 'header'; readonly name: string; readonly regexRewrite?: RegexRewrite }
  | {
      readonly kind: 'cookie';
      readonly name: string;
      readonly path: string;
      readonly ttlMs?: number;
      /** Of the cookie that is made: `name`, or `name=value`. */
      readonly attributes?: readonly string[];
    }
  | { readonly kind: 'source_ip' }
  | { readonly kind: 'query_parameter'; readonly name: string }
  | { readonly kind: 'filter_state'; readonly key: string }
);

export interface MirrorPolicy {
  /** Empty where {@link header} names it. */
  readonly cluster: string;
  /** The cluster named by a header of the request. */
  readonly header?: string;
  /** The copy keeps the host of the request. */
  readonly keepHost?: boolean;
  /** Undefined: every request. */
  readonly fraction?: Fraction;
}

export interface UpgradeRule {
  /** Lower case: `websocket`, `connect`. */
  readonly type: string;
  readonly enabled: boolean;
  /** Of a route: CONNECT ends here, and what comes in the tunnel goes to an endpoint as it is. */
  readonly terminates?: { readonly allowPost: boolean };
  /** Of a connection manager: filters in place of its own. */
  readonly filters?: readonly HttpFilter[];
}

/** Forwards to a cluster. */
export interface ForwardAction {
  readonly kind: 'forward';
  readonly cluster: ClusterChoice;
  /** Status where the cluster is not known; default 503. */
  readonly clusterNotFoundStatus: number;
  readonly prefixRewrite?: string;
  readonly regexRewrite?: RegexRewrite;
  /** A path of the variables of the route's template. */
  readonly templateRewrite?: string;
  readonly hostRewrite?:
    | { readonly kind: 'literal'; readonly value: string }
    /** The host name of the endpoint that was chosen. */
    | { readonly kind: 'endpoint' }
    | { readonly kind: 'header'; readonly header: string }
    | { readonly kind: 'path_regex'; readonly rewrite: RegexRewrite };
  readonly appendXForwardedHost: boolean;
  /** Whole request to whole response; default 15,000; 0: none. */
  readonly timeoutMs: number;
  readonly idleTimeoutMs?: number;
  readonly maxStreamDurationMs?: number;
  /** The longest stream duration taken from `grpc-timeout`; 0: no limit; undefined: the header is not honoured. */
  readonly grpcTimeoutHeaderMaxMs?: number;
  /** Taken off that duration, so that the deadline is met here before it is met at the client. */
  readonly grpcTimeoutHeaderOffsetMs?: number;
  /** As the two above, for the time of a gRPC request until its answer: takes the place of {@link timeoutMs}. */
  readonly maxGrpcTimeoutMs?: number;
  readonly grpcTimeoutOffsetMs?: number;
  readonly retryPolicy?: RetryPolicy;
  readonly hedgePolicy?: HedgePolicy;
  readonly mirrors: readonly MirrorPolicy[];
  readonly priority: 'default' | 'high';
  readonly hashPolicies: readonly HashPolicy[];
  readonly upgrades: readonly UpgradeRule[];
  readonly metadataMatch?: Metadata;
  readonly cors?: CorsPolicy;
  /** What of its requests is counted, for filters of rate limits. */
  readonly rateLimits: readonly RateLimitRule[];
  /** The rules of the virtual host count as well. */
  readonly includeHostRateLimits: boolean;
  readonly internalRedirect?: InternalRedirectPolicy;
}

/** Redirects of endpoints that are followed here instead of being told to the client. */
export interface InternalRedirectPolicy {
  /** Default 1. */
  readonly maxRedirects: number;
  /** Default 302. */
  readonly statuses: readonly number[];
  /** `http` to `https` and back; `safe`: only to the scheme that the client uses. */
  readonly crossScheme: 'never' | 'safe' | 'always';
  /** Where not undefined, only to routes of these names. */
  readonly allowedRoutes?: readonly string[];
  /** Not to a route that served the request before. */
  readonly avoidPreviousRoutes: boolean;
  /** Headers of the redirect that the next request gets. */
  readonly copiedHeaders: readonly string[];
}

export interface RedirectAction {
  readonly kind: 'redirect';
  readonly scheme?: string;
  readonly host?: string;
  readonly port?: number;
  readonly path?:
    | { readonly kind: 'full' | 'prefix'; readonly value: string }
    | { readonly kind: 'regex'; readonly rewrite: RegexRewrite };
  /** 301, 302, 303, 307 or 308. */
  readonly status: number;
  readonly stripQuery: boolean;
}

export interface DirectResponseAction {
  readonly kind: 'direct_response';
  readonly status: number;
  readonly body?: Uint8Array;
}

export type RouteAction = ForwardAction | RedirectAction | DirectResponseAction;

export interface Route {
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
  /** By the name of the HTTP filter. */
  readonly filterConfig: Readonly<Record<string, HttpFilterConfig>>;
  /** Operation name of the span, and of `x-envoy-decorator-operation`. */
  readonly decorator?: { readonly operation: string; readonly propagate: boolean };
  /** In place of what the connection manager says. */
  readonly tracing?: RouteTracing;
  readonly metadata: Metadata;
  readonly statPrefix?: string;
  /** Most that is kept of a body for a further try, or for a copy; the listener's limit holds as well. */
  readonly bufferLimitBytes?: number;
}

/** A name for requests, which logs and statistics tell. */
export interface VirtualCluster {
  readonly name: string;
  /** All of them match. */
  readonly headers: readonly HeaderMatch[];
}

export interface VirtualHost {
  readonly name: string;
  /** Exact, `*.suffix`, `prefix.*` or `*`. */
  readonly domains: readonly string[];
  readonly routes: readonly Route[];
  readonly requireTls: 'none' | 'external_only' | 'all';
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
  readonly retryPolicy?: RetryPolicy;
  readonly hedgePolicy?: HedgePolicy;
  readonly mirrors: readonly MirrorPolicy[];
  readonly cors?: CorsPolicy;
  readonly filterConfig: Readonly<Record<string, HttpFilterConfig>>;
  readonly includeRequestAttemptCount: boolean;
  readonly includeAttemptCountInResponse: boolean;
  /** Further tries after one that took too long say so to the endpoint. */
  readonly includeIsTimeoutRetryHeader?: boolean;
  readonly bufferLimitBytes?: number;
  readonly rateLimits: readonly RateLimitRule[];
  /** The first that matches names the request. */
  readonly virtualClusters?: readonly VirtualCluster[];
  readonly metadata: Metadata;
}

/**
 * A virtual host of a table; the same object in a later table where it has not changed. Its routes are read when a request asks for it: of the thousands of hosts of a mesh a
 * workload asks for few, and what is not read takes neither memory nor time of the collector.
 */
export interface VirtualHostSource {
  readonly name: string;
  /** As {@link VirtualHost.domains}. */
  readonly domains: readonly string[];
  readonly routeCount: number;
  /** Reads it, route by route. It is good: what is wrong with a virtual host is said before it is listed. */
  readonly read: () => Parts<VirtualHost>;
}

/** What a table says for all its virtual hosts. */
export interface RouteTableSettings {
  readonly name: string;
  /** True where further virtual hosts are fetched when they are asked for (VHDS). */
  readonly onDemandHosts?: boolean;
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
  /** Header operations apply from route to virtual host to table; true: the other way round. */
  readonly mostSpecificHeaderMutationsWins: boolean;
  readonly ignorePortInHostMatching: boolean;
  /** What follows a `;` is no part of the path that routes match. */
  readonly ignorePathParameters?: boolean;
  readonly maxDirectResponseBodyBytes: number;
  readonly internalOnlyHeaders: readonly string[];
  readonly mirrors: readonly MirrorPolicy[];
  readonly filterConfig: Readonly<Record<string, HttpFilterConfig>>;
  /** Refuse the table where a cluster is not known. */
  readonly validateClusters: boolean;
}

export interface RouteConfiguration extends RouteTableSettings {
  readonly virtualHosts: readonly VirtualHostSource[];
  /** The settings as they came; tables with the same object here have the same settings. Undefined: not known. */
  readonly settingsBytes?: Uint8Array;
}

/** How one part of the key of a scope is found in a request. */
export type ScopeFragment = { readonly header: string; readonly elementSeparator: string } & (
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'element'; readonly separator: string; readonly key: string }
);

/** A table of routes: here, or known by a name. */
export type RouteSource =
  | { readonly kind: 'inline'; readonly config: RouteConfiguration }
  | { readonly kind: 'rds'; readonly name: string };

export const noHeaderOperations: HeaderOperations = { add: [], remove: [] };
