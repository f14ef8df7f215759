import type { IstioAuthn } from './istio-authn.ts';
import type { AccessLog } from './access-log.ts';
import type { AdaptiveConcurrency } from './adaptive-concurrency.ts';
import type { AdmissionControl } from './admission-control.ts';
import type { AlpnOverride } from './alpn-override.ts';
import type { IstioStatsFilter } from './istio-stats.ts';
import type { OnDemandClusters } from './config-source.ts';
import type { DiscoveredFilter } from './discovered-filter.ts';
import type { HeaderMatch, HeaderOperations } from './route.ts';
import type { Compressor, CompressorRoute } from './compressor.ts';
import type { BandwidthLimit } from './bandwidth-limit.ts';
import type { Decompressor } from './decompressor.ts';
import type { ExtAuthz, ExtAuthzRoute } from './ext-authz.ts';
import type { JwtAuthn } from './jwt-authn.ts';
import type { GlobalRateLimit, HostRateLimits, LocalRateLimit } from './rate-limit.ts';
import type { JsonValue } from './metadata.ts';
import type { RbacRules } from './rbac.ts';
import type { StatefulSession } from './stateful-session.ts';
import type { Fraction, StringMatch } from './string-match.ts';

export type { RbacRules } from './rbac.ts';

export interface CorsPolicy {
  readonly allowOrigins: readonly StringMatch[];
  readonly allowMethods: string;
  readonly allowHeaders: string;
  readonly exposeHeaders: string;
  readonly maxAge: string;
  readonly allowCredentials: boolean;
  /** Share of requests for which the policy is in force; default all. */
  readonly enabled?: Fraction;
  readonly forwardNotMatchingPreflights: boolean;
  readonly allowPrivateNetwork?: boolean;
}

/** Delays and aborts a share of the requests. */
export interface FaultPolicy {
  readonly delay?:
    | { readonly fixedMs: number; readonly fraction: Fraction }
    | { readonly fromHeader: true; readonly fraction: Fraction };
  readonly abort?:
    | { readonly kind: 'http'; readonly status: number; readonly fraction: Fraction }
    | { readonly kind: 'grpc'; readonly status: number; readonly fraction: Fraction }
    | { readonly kind: 'header'; readonly fraction: Fraction };
  readonly headers: readonly HeaderMatch[];
  readonly upstreamCluster: string;
  readonly maxActiveFaults?: number;
  /** Only requests of these nodes (`x-envoy-downstream-service-node`); empty: of all. */
  readonly downstreamNodes?: readonly string[];
  /** How fast answers are sent; undefined speed: a header says it. */
  readonly rate?: { readonly kibPerSecond?: number; readonly fraction: Fraction };
}

/** Refuses requests that change something and come from other sites. */
export interface CsrfPolicy {
  /** Share of requests that are refused where they do. */
  readonly enabled: Fraction;
  /** Share of requests that are only counted. */
  readonly shadow?: Fraction;
  /** Sites besides the request's own, as `host` or `host:port`. */
  readonly additionalOrigins: readonly StringMatch[];
}

/** What is said of each request under a namespace of its metadata. */
export interface MetadataToSet {
  readonly namespace: string;
  readonly value: { readonly [key: string]: JsonValue };
  /** Joined to what is there; else that stays as it is. */
  readonly overwrite: boolean;
}

/** Changes of headers, each list in order. */
export interface HeaderMutations {
  readonly request: readonly HeaderOperations[];
  readonly response: readonly HeaderOperations[];
}

/** What is counted of gRPC requests. */
export interface GrpcStatsOptions {
  /** Methods that have statistics of their own, as `service/method`. */
  readonly methods: 'all' | 'none' | ReadonlySet<string>;
  /** Also how long they take. */
  readonly hasTimes: boolean;
  /** `a.b.Service` is shown as `a_b_Service`. */
  readonly replacesDots: boolean;
}

/**
 * The configuration of one HTTP filter, in a chain or of one route.
 *
 * `none` stands for a filter whose work the proxy does elsewhere (`istio.metadata_exchange`,
 * `envoy.filters.http.grpc_stats`), named so that a dump can show it.
 */
export type HttpFilterConfig =
  | {
      readonly kind: 'router';
      readonly suppressEnvoyHeaders: boolean;
      readonly respectExpectedTimeout?: boolean;
      /** Of the headers that steer tries and time, those for which a bad value is refused. */
      readonly strictHeaders?: readonly string[];
      /** Told of each try when it is over. */
      readonly attemptLogs?: readonly AccessLog[];
      /** Also while it lasts, so often, milliseconds; 0 or none: not. */
      readonly attemptLogIntervalMs?: number;
      /** Also when it has a connection. */
      readonly logsReadyAttempts?: boolean;
    }
  | { readonly kind: 'cors'; readonly policy?: CorsPolicy }
  | { readonly kind: 'stateful_session'; readonly session: StatefulSession }
  | { readonly kind: 'csrf'; readonly policy: CsrfPolicy }
  | { readonly kind: 'bandwidth_limit'; readonly limit: BandwidthLimit }
  | { readonly kind: 'adaptive_concurrency'; readonly rules: AdaptiveConcurrency }
  /** `mark`: of the packets; 0: none. */
  | { readonly kind: 'original_src'; readonly mark: number }
  | { readonly kind: 'istio_authn'; readonly rules: IstioAuthn }
  | { readonly kind: 'cdn_loop'; readonly cdnId: string; readonly maxOccurrences: number }
  | { readonly kind: 'admission_control'; readonly rules: AdmissionControl }
  | { readonly kind: 'set_metadata'; readonly entries: readonly MetadataToSet[] }
  | { readonly kind: 'compressor'; readonly compressor: Compressor }
  | { readonly kind: 'decompressor'; readonly decompressor: Decompressor }
  /** Route only: answers are compressed, also where the filter is off. */
  | { readonly kind: 'compressor_route'; readonly settings: CompressorRoute }
  | { readonly kind: 'fault'; readonly policy: FaultPolicy }
  | {
      readonly kind: 'rbac';
      readonly rules?: RbacRules;
      readonly shadowRules?: RbacRules;
      /** Before the names under which the metadata of a request tells what the shadow rules say. */
      readonly shadowPrefix?: string;
    }
  | { readonly kind: 'local_rate_limit'; readonly limit: LocalRateLimit }
  | { readonly kind: 'ext_authz'; readonly config: ExtAuthz }
  /** Route only. */
  | { readonly kind: 'ext_authz_route'; readonly settings: ExtAuthzRoute }
  | { readonly kind: 'jwt_authn'; readonly config: JwtAuthn }
  /** Route only: the requirement of this name in place of the rules. */
  | { readonly kind: 'jwt_authn_route'; readonly requirement: string }
  | { readonly kind: 'rate_limit'; readonly limit: GlobalRateLimit }
  /** Route only: what it changes for the rate limit service. `domain` empty: the filter's own. */
  | {
      readonly kind: 'rate_limit_route';
      readonly hostRateLimits: HostRateLimits;
      readonly domain: string;
    }
  | IstioStatsFilter
  /** Others are told of messages where `emitFilterState`. */
  | { readonly kind: 'grpc_stats'; readonly emitFilterState: boolean; readonly options: GrpcStatsOptions }
  | { readonly kind: 'peer_metadata' }
  | { readonly kind: 'istio_alpn'; readonly override: AlpnOverride }
  | { readonly kind: 'buffer'; readonly maxRequestBytes: number }
  | {
      readonly kind: 'header_mutation';
      readonly mutations: HeaderMutations;
      readonly mostSpecificWins: boolean;
    }
  | { readonly kind: 'grpc_web' }
  /** Waits for virtual hosts, and for clusters where a source is given. */
  | { readonly kind: 'on_demand'; readonly clusters?: OnDemandClusters }
  | {
      readonly kind: 'health_check';
      /** The application answers; else the proxy does. */
      readonly passThrough: boolean;
      /** How long an answer of the application is given again; 0: not at all. */
      readonly cacheMs: number;
      /** The clusters that must have so many endpoints to be used. */
      readonly minHealthyPercents: readonly { readonly cluster: string; readonly percent: number }[];
      /** All must hold for a request to be a health check. */
      readonly headers: readonly HeaderMatch[];
    }
  | DiscoveredFilter<HttpFilterConfig>
  | { readonly kind: 'none' }
  /** Route only: the filter of this name does not run. */
  | { readonly kind: 'disabled' }
  /** Route only: the filter of this name runs, also where it is off. */
  | { readonly kind: 'enabled' };

export interface HttpFilter {
  /** The name under which routes refer to it. */
  readonly name: string;
  readonly config: HttpFilterConfig;
  /** Off unless a route turns it on. */
  readonly disabled: boolean;
}
