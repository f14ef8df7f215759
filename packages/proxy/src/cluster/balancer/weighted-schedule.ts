/**
 * Takes turns by weight: the item with the earliest deadline is next, and each turn moves its deadline on by
 * the inverse of its weight (earliest deadline first, a binary heap). Of equal deadlines that comes first which was
 * given first, as with Envoy's scheduler: the turns of a round are the same as there.
 */
export class WeightedSchedule {
  readonly #heap: Int32Array;
  readonly #deadlines: Float64Array;
  /** When the deadlines were given: those of the turns before. */
  readonly #given: Float64Array;
  /** The weight of an item, since when it has had it, and the turns since then: sums of fractions would drift apart. */
  readonly #weights: Float64Array;
  readonly #since: Float64Array;
  readonly #turns: Float64Array;
  readonly #weightOf: (item: number) => number;

  /** `weightOf` is asked again at each turn of an item: weights may change. */
  constructor(items: number, weightOf: (item: number) => number, random: () => number) {
    this.#weightOf = weightOf;
    this.#deadlines = new Float64Array(items);
    this.#given = new Float64Array(items);
    this.#since = new Float64Array(items);
    this.#turns = new Float64Array(items);
    this.#weights = Float64Array.from({ length: items }, (_, i) => weightOf(i));
    const longest = this.#weights.reduce((most, weight) => Math.max(most, 1 / weight), 1);
    // Many proxies start at the same moment: they shall not all start at the same place of the round.
    const begin = random() * longest;
    this.#weights.forEach((weight, i) => {
      const turns = Math.floor(begin * weight);
      this.#given[i] = turns / weight;
      this.#turns[i] = turns + 1;
      this.#deadlines[i] = (turns + 1) / weight;
    });
    this.#heap = Int32Array.from(this.#deadlines.keys()).sort((a, b) => (this.#isBefore(a, b) ? -1 : 1));
  }

  /** Whose turn it is; there must be an item. */
  next(): number {
    const heap = this.#heap;
    const top = heap[0] as number;
    this.#moveOn(top);
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && this.#isBefore(heap[right] as number, heap[child] as number)) child = right;
      if (!this.#isBefore(heap[child] as number, top)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = top;
    return top;
  }

  #moveOn(item: number): void {
    const deadline = this.#deadlines[item] as number;
    const weight = this.#weightOf(item);
    if (weight !== this.#weights[item]) {
      this.#weights[item] = weight;
      this.#since[item] = deadline;
      this.#turns[item] = 0;
    }
    const turns = (this.#turns[item] as number) + 1;
    this.#turns[item] = turns;
    this.#given[item] = deadline;
    this.#deadlines[item] = (this.#since[item] as number) + turns / weight;
  }

  #isBefore(a: number, b: number): boolean {
    const deadlines = this.#deadlines;
    if (deadlines[a] !== deadlines[b]) return (deadlines[a] as number) < (deadlines[b] as number);
    const given = this.#given;
    return given[a] === given[b] ? a < b : (given[a] as number) < (given[b] as number);
  }
}
