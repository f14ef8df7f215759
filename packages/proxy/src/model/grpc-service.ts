import type { RetryPolicy } from './route.ts';

/** The back-off with which a stream of xDS that has ended is opened again. */
export interface ReopeningBackoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** A gRPC service that filters and loggers call (`envoy.config.core.v3.GrpcService` with `envoy_grpc`). */
export interface GrpcServiceConfig {
  readonly cluster: string;
  /** `:authority`; empty: the name of the cluster. */
  readonly authority: string;
  /** Whole call; undefined: the caller's own default. */
  readonly timeoutMs?: number;
  /** Sent with every call. */
  readonly metadata: readonly (readonly [string, string])[];
  /** Largest answer; undefined: the client's own limit. */
  readonly maxMessageBytes?: number;
  /** Of calls; undefined: they are made once. */
  readonly retry?: RetryPolicy;
  /** Of streams of xDS; undefined: Envoy's, 500 ms to 30 s. */
  readonly reopening?: ReopeningBackoff;
}
