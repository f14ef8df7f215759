import type { Fraction } from './string-match.ts';

/** Which requests are traced (Envoy, `tracing.client_sampling`, `random_sampling`, `overall_sampling`). */
export interface TraceSampling {
  /** Of the requests with `x-client-trace-id`. */
  readonly client: Fraction;
  /** Of those that nobody asks to trace. */
  readonly random: Fraction;
  /** Of all that the others choose. */
  readonly overall: Fraction;
}

/** A tag of the operator's own; `defaultValue` where the source has nothing, and no tag where that is empty. */
export type CustomTag = { readonly tag: string; readonly defaultValue: string } & (
  | { readonly kind: 'literal' | 'environment' | 'header'; readonly value: string }
  | {
      readonly kind: 'metadata';
      readonly of: 'route' | 'cluster' | 'host';
      readonly namespace: string;
      readonly path: readonly string[];
    }
);

/** Where spans are sent, and in which words requests tell of them. */
export type TraceProvider =
  | {
      readonly kind: 'zipkin';
      readonly cluster: string;
      readonly path: string;
      readonly hostname: string;
      readonly traceId128bit: boolean;
      /** Client and server of one request have one span id between them. */
      readonly sharedSpanContext: boolean;
    }
  | {
      readonly kind: 'otlp_grpc' | 'otlp_http';
      readonly cluster: string;
      readonly hostname: string;
      readonly path: string;
      readonly service: string;
      readonly headers: readonly { readonly name: string; readonly value: string }[];
      readonly timeoutMs: number;
    };

export interface Tracing {
  readonly sampling: TraceSampling;
  readonly customTags: readonly CustomTag[];
  /** Of the path in `http.url`; default 256. */
  readonly maxPathTagLength: number;
  /** Tries of the router have spans of their own. */
  readonly spawnUpstreamSpan: boolean;
  readonly provider?: TraceProvider;
}

/** What a route says of tracing in place of its connection manager. */
export interface RouteTracing {
  readonly sampling: TraceSampling;
  readonly customTags: readonly CustomTag[];
}

/** How request ids and tracing go together (Envoy, `UuidRequestIdConfig`). */
export interface RequestIdOptions {
  /** The id carries the decision, so that all proxies on the way take the same. */
  readonly packTraceReason: boolean;
  /** The decision follows from the id; false: everything is traced. */
  readonly usedForSampling: boolean;
}
