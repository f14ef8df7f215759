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
}
