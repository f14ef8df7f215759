/** How many requests may be under way, found by how long they take. */
export interface GradientRules {
  /** Which of the times of a window stands for it; in [0, 1]. */
  readonly percentile: number;
  readonly maxConcurrency: number;
  /** How long times are gathered before the limit is set anew. */
  readonly updateIntervalMs: number;
  /** How often the time without load is measured, and by how much of it that varies; in [0, 1]. */
  readonly minRttIntervalMs: number;
  readonly jitter: number;
  /** So many requests measure it, so few at a time. */
  readonly minRttRequests: number;
  readonly minConcurrency: number;
  /** What times may be longer by without being taken for load; a share. */
  readonly buffer: number;
}

/** Refuses requests where more are under way than an endpoint can take. */
export interface AdaptiveConcurrency {
  /** Asked for each request, since the runtime may change it. */
  readonly enabled: () => boolean;
  /** Default 503. */
  readonly status: number;
  readonly gradient: GradientRules;
}
