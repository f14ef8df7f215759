import type { GrpcServiceConfig } from './grpc-service.ts';
import type { HeaderAddition, HeaderMatch, QueryParameterMatch } from './route.ts';
import type { Fraction } from './string-match.ts';

/** A value within metadata: the filter's namespace, and the keys that lead to it. */
export interface MetadataKey {
  readonly namespace: string;
  readonly path: readonly string[];
}

/** What adds an entry to the descriptor of a request (`envoy.config.route.v3.RateLimit.Action`). */
export type RateLimitAction =
  /** The cluster that this proxy belongs to. */
  | { readonly kind: 'source_cluster' }
  /** The cluster that the route leads to. */
  | { readonly kind: 'destination_cluster' }
  | { readonly kind: 'remote_address' }
  | {
      readonly kind: 'masked_remote_address';
      /** Default 32 and 128. */
      readonly v4PrefixLength: number;
      readonly v6PrefixLength: number;
    }
  | {
      readonly kind: 'request_headers';
      readonly header: string;
      readonly key: string;
      /** A request without the header has a descriptor without the entry; false: it has no descriptor. */
      readonly skipIfAbsent: boolean;
    }
  | { readonly kind: 'generic_key'; readonly key: string; readonly value: string }
  | {
      readonly kind: 'header_value_match';
      readonly key: string;
      readonly value: string;
      readonly expectMatch: boolean;
      readonly headers: readonly HeaderMatch[];
    }
  | {
      readonly kind: 'query_parameter_value_match';
      readonly key: string;
      readonly value: string;
      readonly expectMatch: boolean;
      readonly parameters: readonly QueryParameterMatch[];
    }
  | {
      readonly kind: 'metadata';
      readonly key: string;
      readonly source: 'dynamic' | 'route';
      readonly metadata: MetadataKey;
      readonly defaultValue: string;
      readonly skipIfAbsent: boolean;
    };

/** One descriptor that requests may have. */
export interface RateLimitRule {
  /** Filters take the rules of their own stage. */
  readonly stage: number;
  /** Share of requests for which the rule is in force, changed by runtime; undefined: all. */
  readonly enabled?: Fraction;
  readonly actions: readonly RateLimitAction[];
  /** Where the request's dynamic metadata may name a limit in place of the service's. */
  readonly limit?: MetadataKey;
}

/** Whether the rules of the virtual host count besides those of the route: where it has none, always, never. */
export type HostRateLimits = 'override' | 'include' | 'ignore';

/** Asks a rate limit service (`envoy.extensions.filters.http.ratelimit.v3.RateLimit`). */
export interface GlobalRateLimit {
  readonly domain: string;
  readonly stage: number;
  readonly requestType: 'internal' | 'external' | 'both';
  readonly service: GrpcServiceConfig;
  /** Default 20. */
  readonly timeoutMs: number;
  readonly failureModeDeny: boolean;
  readonly xRateLimitHeaders: boolean;
  /** Send `x-envoy-ratelimited`. */
  readonly limitedHeader: boolean;
  /** Default 429. */
  readonly status: number;
  /** Where the service fails and {@link failureModeDeny} is set; default 500. */
  readonly statusOnError: number;
  /** On answers to requests that are too many. */
  readonly responseHeaders: readonly HeaderAddition[];
  /** gRPC requests end with RESOURCE_EXHAUSTED, not UNAVAILABLE. */
  readonly resourceExhausted: boolean;
  readonly statPrefix: string;
}

export interface TokenBucketConfig {
  readonly maxTokens: number;
  readonly tokensPerFill: number;
  readonly fillIntervalMs: number;
}

/** A limit of this proxy alone (`envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`). */
export interface LocalRateLimit {
  /** Of requests without a bucket of their own; undefined: they are not limited. */
  readonly bucket?: TokenBucketConfig;
  /** Where it stands in its resource, which tells it from others like it. */
  readonly place: string;
  readonly statPrefix: string;
  readonly status: number;
  readonly enabled?: Fraction;
  readonly enforced?: Fraction;
  /** Buckets of their own for requests with exactly these entries. */
  readonly descriptors: readonly {
    readonly entries: readonly (readonly [string, string])[];
    readonly bucket: TokenBucketConfig;
  }[];
  readonly stage: number;
  readonly hostRateLimits: HostRateLimits;
  /** A request that took of a descriptor's bucket takes of the common one too. */
  readonly alwaysTakeDefault: boolean;
  readonly perConnection: boolean;
  readonly xRateLimitHeaders: boolean;
  readonly resourceExhausted: boolean;
  readonly responseHeaders: readonly HeaderAddition[];
  /** For requests that are too many but let through. */
  readonly requestHeadersWhenNotEnforced: readonly HeaderAddition[];
}
