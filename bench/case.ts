/** One measurement of one contender. */
export interface Sample {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx and broken connections; a run with any is not a run. */
  readonly errors: number;
  /** CPU that the contender's processes used, in microseconds a request. */
  readonly cpuUsPerRequest: number;
  /** Memory of the contender that is not shared with any file, after the run. */
  readonly anonymousMb: number;
}

/** Something that is measured beside others doing the same work. */
export interface Contender {
  readonly name: string;
  /** Version, as it says itself. */
  readonly version: string;
  measure(seconds: number): Promise<Sample>;
}

/** A case that is set up: its contenders run and answer rightly. */
export interface PreparedCase {
  readonly contenders: readonly Contender[];
  /** Contenders that could not take part, with the reason. */
  readonly missing: readonly string[];
  close(): Promise<void>;
}

/** A benchmark; each is one file in `cases/`. */
export interface BenchCase {
  readonly name: string;
  /** What is measured, in one sentence. */
  readonly summary: string;
  /** Starts the contenders; ours comes first. */
  prepare(context: BenchContext): Promise<PreparedCase>;
}

/** What a case is given. */
export interface BenchContext {
  /** A directory that is removed afterwards. */
  readonly workDir: string;
  /** The bundle of our proxy. */
  readonly proxyBundle: string;
}
