/** A number that a case measures of each contender. */
export interface Figure {
  readonly key: string;
  /** Title of its column, with its unit. */
  readonly title: string;
  /** Digits after the point. */
  readonly digits: number;
  /** Title of the column that holds the baseline's figure divided by the row's; none where it is left out. */
  readonly ratio?: string;
}

/** One measurement of one contender: its figures by their keys. */
export interface Sample {
  /** Answers other than those expected and broken connections; a run with any is not a run. */
  readonly errors: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** Something that is measured beside others doing the same work. */
export interface Contender {
  readonly name: string;
  /** Version, as it says itself. */
  readonly version: string;
  /** True where others are compared with it within a round: it is measured before them. */
  readonly goesFirst?: boolean;
  measure(seconds: number): Promise<Sample>;
  /** Brings it to how it runs that has been running, where measuring for some seconds does not. */
  warmUp?(): Promise<void>;
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
  readonly figures: readonly Figure[];
  /** Name of the contender that ratios compare with; default ours. */
  readonly baseline?: string;
  /** False where a measurement starts from nothing, so that there is nothing to warm up; default true. */
  readonly warmsUp?: boolean;
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
