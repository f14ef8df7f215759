import type { IstioStatsFilter } from './istio-stats.ts';
import type { OnDemandClusters } from './config-source.ts';
import type { DiscoveredFilter } from './discovered-filter.ts';
import type { AccessLog, AccessLogFilter, AccessLogFormat } from './access-log.ts';
import type { CidrRange } from './address.ts';
import type { NetworkExtAuthz } from './ext-authz.ts';
import type { HttpFilter, RbacRules } from './http-filter.ts';
import type { Metadata } from './metadata.ts';
import type { TokenBucketConfig } from './rate-limit.ts';
import type { MongoProxy } from './mongo.ts';
import type { RedisProxy } from './redis.ts';
import type { RequestIdOptions, Tracing } from './tracing.ts';
import type {
  HashPolicy,
  HeaderAddition,
  HeaderOperations,
  RouteSource,
  ScopeFragment,
  UpgradeRule,
} from './route.ts';

/** Which request header rewrites a connection manager makes to paths before anything matches. */
export interface PathNormalization {
  /** RFC 3986: `/a/../b`, `%41`. */
  readonly normalize: boolean;
  readonly mergeSlashes: boolean;
  readonly escapedSlashes: 'keep' | 'reject' | 'unescape_and_redirect' | 'unescape_and_forward';
}

/** What is done with `x-forwarded-client-cert`. */
export interface ForwardClientCert {
  readonly mode: 'sanitize' | 'forward_only' | 'append_forward' | 'sanitize_set' | 'always_forward_only';
  readonly subject: boolean;
  readonly cert: boolean;
  readonly chain: boolean;
  readonly dns: boolean;
  readonly uri: boolean;
}

export interface Http2Options {
  readonly maxConcurrentStreams: number;
  readonly initialStreamWindowBytes: number;
  readonly initialConnectionWindowBytes: number;
  readonly allowConnect: boolean;
  /** Most bytes of the tables of both directions; default, and most, 4096. */
  readonly hpackTableBytes?: number;
  readonly keepalive?: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly jitterPercent: number;
    readonly idleIntervalMs: number;
  };
  readonly floodLimits?: Http2FloodLimits;
  /** Further settings that are sent as they are. */
  readonly customSettings?: readonly (readonly [id: number, value: number])[];
}

/** Limits against floods, where they are not those of the codec. */
export interface Http2FloodLimits {
  /** Answers to the peer's frames that may wait for it to read. */
  readonly outboundControlFrames?: number;
  readonly emptyFrames?: number;
  readonly priorityFrames?: number;
  readonly windowUpdatesPerData?: number;
}

/** Where the address of a client is found. */
export type IpDetection =
  | { readonly kind: 'xff'; readonly trustedHops: number }
  | {
      readonly kind: 'header';
      readonly header: string;
      /** Addresses of internal ranges make the request internal. */
      readonly trusted: boolean;
      /** For requests without a valid address; undefined: the next way is tried. */
      readonly rejectStatus?: number;
    };

/** A body with Envoy's substitutions; `%LOCAL_REPLY_BODY%` is the text that it takes the place of. */
export interface LocalReplyFormat {
  readonly format: AccessLogFormat;
  readonly contentType?: string;
}

/** Changes answers of the proxy itself that pass its filter. */
export interface LocalReplyMapper {
  readonly filter: AccessLogFilter;
  readonly status?: number;
  readonly body?: string;
  readonly format?: LocalReplyFormat;
  readonly headers: readonly HeaderAddition[];
}

/** The first mapper that an answer passes changes it; then it is formatted. */
export interface LocalReplyConfig {
  readonly mappers: readonly LocalReplyMapper[];
  readonly format?: LocalReplyFormat;
}

/** When access logs are told of a request before its end. */
export interface LogTimes {
  /** Once its head has come and its route is known. */
  readonly onRequest: boolean;
  /** When an upgrade or a CONNECT is granted. */
  readonly onTunnel: boolean;
  /** While it lasts; 0: not. */
  readonly intervalMs: number;
}

export interface HttpConnectionManager {
  readonly kind: 'http_connection_manager';
  readonly statPrefix: string;
  readonly codec: 'auto' | 'http1' | 'http2';
  readonly routes:
    | RouteSource
    /** One table of several, by what headers say. */
    | {
        readonly kind: 'scoped';
        readonly fragments: readonly ScopeFragment[];
        readonly scopes: readonly { readonly key: readonly string[]; readonly routes: RouteSource }[];
      };
  readonly httpFilters: readonly HttpFilter[];
  readonly accessLogs: readonly AccessLog[];
  /** When lines are written besides the one at the end; default: not at all. */
  readonly logTimes?: LogTimes;
  /** Default `envoy`; Istio sets `istio-envoy`. */
  readonly serverName: string;
  readonly serverHeader: 'overwrite' | 'append_if_absent' | 'pass_through';
  /** The client is the internet: trust nothing that it says about itself. */
  readonly useRemoteAddress: boolean;
  readonly xffTrustedHops: number;
  readonly skipXffAppend: boolean;
  /** What is internal; default the private and loopback ranges. */
  readonly internalRanges?: readonly CidrRange[];
  /** In place of `useRemoteAddress` and `xffTrustedHops`; the first that finds an address holds. */
  readonly ipDetection?: readonly IpDetection[];
  readonly appendXForwardedPort?: boolean;
  /** The scheme that requests are taken to have; `match_upstream`: that of the connection to the endpoint. */
  readonly scheme?: 'http' | 'https' | 'match_upstream';
  /** Before routes are looked at. */
  readonly earlyHeaders?: readonly HeaderOperations[];
  readonly localReply?: LocalReplyConfig;
  /** How long is waited for a client to close after us; 0: not at all. Default 1 s. */
  readonly delayedCloseTimeoutMs?: number;
  readonly via: string;
  /** Endpoints are told which proxy a request comes through, and clients without a name get its. */
  readonly addUserAgent?: boolean;
  readonly generateRequestId: boolean;
  readonly preserveExternalRequestId: boolean;
  readonly alwaysSetRequestIdInResponse: boolean;
  readonly forwardClientCert: ForwardClientCert;
  readonly pathNormalization: PathNormalization;
  readonly stripHostPort: 'keep' | 'matching' | 'any';
  readonly stripTrailingHostDot: boolean;
  readonly headersWithUnderscores: 'allow' | 'reject' | 'drop';
  readonly upgrades: readonly UpgradeRule[];
  /** 0: none, for all of these. Default 1 hour. */
  readonly idleTimeoutMs: number;
  /** Default 5 minutes. */
  readonly streamIdleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly requestHeadersTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly maxConnectionDurationMs: number;
  readonly maxStreamDurationMs: number;
  /** Default 60 KiB. */
  readonly maxRequestHeadersBytes: number;
  /** Default 100. */
  readonly maxHeaders: number;
  /** 0: no limit. */
  readonly maxRequestsPerConnection: number;
  readonly http1: {
    readonly acceptHttp10: boolean;
    readonly defaultHostForHttp10: string;
    readonly preserveHeaderCase: boolean;
    /** Names are sent as `Content-Type`. */
    readonly properCase?: boolean;
    readonly enableTrailers: boolean;
    readonly allowAbsoluteUrl: boolean;
    readonly allowChunkedLength: boolean;
    /** Methods that are registered nowhere. */
    readonly allowCustomMethods: boolean;
  };
  readonly http2: Http2Options;
  readonly tracing?: Tracing;
  /** Default: the id carries the decision whether to trace, and it follows from the id. */
  readonly requestIdOptions?: RequestIdOptions;
  /** True: an error of the codec closes only the stream. */
  readonly proxy100Continue: boolean;
  /** Requests that are refused because of overload are told so by `x-envoy-local-overloaded`. */
  readonly appendLocalOverload?: boolean;
}

/** A connection carried by a request, CONNECT or POST. */
export interface TcpTunnel {
  /** With Envoy's substitutions. */
  readonly hostname: string;
  /** POST to this path instead of CONNECT. */
  readonly postPath?: string;
  readonly headers: readonly HeaderAddition[];
}

export interface TcpProxy {
  readonly kind: 'tcp_proxy';
  readonly statPrefix: string;
  readonly clusters: readonly {
    readonly name: string;
    readonly weight: number;
    readonly metadataMatch?: Metadata;
  }[];
  /** Default 1 hour; 0: none. */
  readonly idleTimeoutMs: number;
  readonly maxDownstreamConnectionDurationMs: number;
  readonly maxConnectAttempts: number;
  /** Fetches a cluster that is not known. */
  readonly onDemand?: OnDemandClusters;
  readonly hashPolicies: readonly HashPolicy[];
  readonly accessLogs: readonly AccessLog[];
  readonly metadataMatch?: Metadata;
  readonly tunnel?: TcpTunnel;
  /** A line of the access log when the endpoint is connected, besides the one at the end. */
  readonly logOnConnected?: boolean;
  /** And one each so often; 0: none. */
  readonly logIntervalMs?: number;
}

/**
 * One network filter. The last of a chain is a terminal one (connection manager, TCP proxy,
 * direct response); `none` stands for a filter whose work the proxy does elsewhere.
 */
export type NetworkFilter = { readonly name: string } & (
  | HttpConnectionManager
  | TcpProxy
  | RedisProxy
  | MongoProxy
  | {
      readonly kind: 'rbac';
      readonly statPrefix: string;
      readonly rules?: RbacRules;
      readonly shadowRules?: RbacRules;
      /** Before the names under which the metadata of a connection tells what the shadow rules say. */
      readonly shadowPrefix?: string;
      /** After a filter that tells of what a client sends: all that is sent is judged, not only what comes first. */
      readonly isContinuous: boolean;
    }
  | { readonly kind: 'ext_authz'; readonly config: NetworkExtAuthz }
  /** New connections take of a bucket; those that find it empty are closed. */
  | {
      readonly kind: 'local_rate_limit';
      readonly statPrefix: string;
      readonly bucket: TokenBucketConfig;
      /** Undefined: always. */
      readonly isEnabled?: () => boolean;
    }
  | {
      readonly kind: 'connection_limit';
      readonly statPrefix: string;
      readonly maxConnections: number;
      readonly delayMs: number;
      /** False where the runtime switches the limit off, now. */
      readonly isEnabled?: () => boolean;
    }
  | { readonly kind: 'direct_response'; readonly body: Uint8Array }
  /** The cluster is the SNI (the mesh's east-west gateways). */
  | { readonly kind: 'sni_cluster' }
  | IstioStatsFilter
  | { readonly kind: 'metadata_exchange' }
  | DiscoveredFilter<NetworkFilter>
  | { readonly kind: 'none' }
);
