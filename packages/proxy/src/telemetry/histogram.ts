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
}

/** Counts of values by bucket; takes memory from the first value on. */
export class Histogram {
  #counts: Float64Array | undefined;
  sum = 0;
  count = 0;

  record(value: number): void {
    this.#counts ??= new Float64Array(bucketBounds.length + 1);
    let bucket = 0;
    while (bucket < bucketBounds.length && value > (bucketBounds[bucket] as number)) bucket++;
    (this.#counts[bucket] as number)++;
    this.sum += value;
    this.count++;
  }

  /** How many values are at most each of {@link bucketBounds}. */
  cumulative(): number[] {
    let total = 0;
    return bucketBounds.map((_, i) => (total += this.#counts?.[i] ?? 0));
  }

  /** The value below which the share `quantile` of the values lies, interpolated within its bucket. */
  quantile(quantile: number): number {
    if (this.#counts === undefined) return Number.NaN;
    const rank = quantile * this.count;
    let below = 0;
    for (let i = 0; i <= bucketBounds.length; i++) {
      const inBucket = this.#counts[i] as number;
      if (inBucket > 0 && below + inBucket >= rank) {
        const low = i === 0 ? 0 : (bucketBounds[i - 1] as number);
        const high = bucketBounds[i] ?? low;
        return low + ((high - low) * Math.max(0, rank - below)) / inBucket;
      }
      below += inBucket;
    }
    return bucketBounds.at(-1) ?? 0;
  }

  /** What was recorded, as it can be sent to another thread or process. */
  state(): HistogramState {
    return { counts: [...(this.#counts ?? [])], sum: this.sum, count: this.count };
  }

  /** Adds what another has recorded. */
  add({ counts, sum, count }: HistogramState): void {
    this.#counts ??= new Float64Array(bucketBounds.length + 1);
    for (let i = 0; i < this.#counts.length; i++) (this.#counts[i] as number) += counts[i] ?? 0;
    this.sum += sum;
    this.count += count;
  }

  reset(): void {
    this.#counts?.fill(0);
    this.sum = 0;
    this.count = 0;
  }
}
