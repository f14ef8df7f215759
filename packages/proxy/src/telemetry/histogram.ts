/** Upper bounds of Envoy's default buckets; in the unit of what is recorded, mostly milliseconds. */
export const bucketBounds: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000,
  1_800_000, 3_600_000,
];

/** What a histogram has recorded. */
export interface HistogramState {
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
  /** Where they are not Envoy's. */
  readonly bounds?: readonly number[];
}

/** Counts of values by bucket; takes memory from the first value on. */
export class Histogram {
  #counts: Float64Array | undefined;
  /** Upper bounds of the buckets. */
  bounds = bucketBounds;
  sum = 0;
  count = 0;

  record(value: number): void {
    const { bounds } = this;
    this.#counts ??= new Float64Array(bounds.length + 1);
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    (this.#counts[bucket] as number)++;
    this.sum += value;
    this.count++;
  }

  /** Tells `listener` of each value from now on. Costs nothing where nobody listens: `record` is replaced. */
  listen(listener: (value: number) => void): void {
    const record = this.record.bind(this);
    this.record = (value) => {
      record(value);
      listener(value);
    };
  }

  /** Other buckets, for a histogram that has recorded nothing. */
  setBounds(bounds: readonly number[]): void {
    if (this.#counts === undefined) this.bounds = bounds;
  }

  /** How many values are at most each of the bounds. */
  cumulative(): number[] {
    let total = 0;
    return this.bounds.map((_, i) => (total += this.#counts?.[i] ?? 0));
  }

  /** The value below which the share `quantile` of the values lies, interpolated within its bucket. */
  quantile(quantile: number): number {
    if (this.#counts === undefined) return Number.NaN;
    const { bounds } = this;
    const rank = quantile * this.count;
    let below = 0;
    for (let i = 0; i <= bounds.length; i++) {
      const inBucket = this.#counts[i] as number;
      if (inBucket > 0 && below + inBucket >= rank) {
        const low = i === 0 ? 0 : (bounds[i - 1] as number);
        const high = bounds[i] ?? low;
        return low + ((high - low) * Math.max(0, rank - below)) / inBucket;
      }
      below += inBucket;
    }
    return bounds.at(-1) ?? 0;
  }

  /** What was recorded, as it can be sent to another thread or process. */
  state(): HistogramState {
    const { bounds, sum, count } = this;
    return { counts: [...(this.#counts ?? [])], sum, count, ...(bounds === bucketBounds ? {} : { bounds }) };
  }

  /** Adds what another has recorded, in the same buckets; of others only the sum and the count. */
  add({ counts, sum, count, bounds }: HistogramState): void {
    if (bounds !== undefined) this.setBounds(bounds);
    this.#counts ??= new Float64Array(this.bounds.length + 1);
    if (counts.length === this.#counts.length) {
      for (let i = 0; i < counts.length; i++) (this.#counts[i] as number) += counts[i] as number;
    }
    this.sum += sum;
    this.count += count;
  }

  reset(): void {
    this.#counts?.fill(0);
    this.sum = 0;
    this.count = 0;
  }
}
