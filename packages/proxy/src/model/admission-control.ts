/** Refuses a share of the requests that grows as those before them fail. */
export interface AdmissionControl {
  /** Asked for each request, since the runtime may change it. */
  readonly enabled: () => boolean;
  /** Statuses of HTTP that are a success, each range from its first to before its last. */
  readonly httpSuccess: readonly (readonly [start: number, end: number])[];
  /** Statuses of gRPC that are a success. */
  readonly grpcSuccess: ReadonlySet<number>;
  /** How far back is looked, in steps of a second. */
  readonly windowMs: number;
  /** At least 1; the more, the sooner many are refused. */
  readonly aggression: number;
  /** Share of successes from which on nobody is refused; in (0, 1]. */
  readonly successThreshold: number;
  /** Nobody is refused while fewer requests a second come. */
  readonly minRequestsPerSecond: number;
  /** The largest share that is refused; in [0, 1]. */
  readonly maxRejectedShare: number;
}
