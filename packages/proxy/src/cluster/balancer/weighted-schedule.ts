/**
 * Takes turns by weight: the item with the earliest deadline is next, and each turn moves its deadline on by
 * the inverse of its weight (earliest deadline first, a binary heap).
 */
export class WeightedSchedule {
  readonly #heap: Int32Array;
  readonly #deadlines: Float64Array;
  readonly #weightOf: (item: number) => number;

  /** `weightOf` is asked again at each turn of an item: weights may change. */
  constructor(items: number, weightOf: (item: number) => number, random: () => number) {
    this.#weightOf = weightOf;
    // Many proxies start at the same moment: they shall not all start with the same item.
    const deadlines = new Float64Array(items);
    for (let i = 0; i < items; i++) deadlines[i] = random() / weightOf(i);
    this.#deadlines = deadlines;
    this.#heap = Int32Array.from(deadlines.keys()).sort(
      (a, b) => (deadlines[a] as number) - (deadlines[b] as number),
    );
  }

  /** Whose turn it is; there must be an item. */
  next(): number {
    const heap = this.#heap;
    const deadlines = this.#deadlines;
    const top = heap[0] as number;
    const deadline = (deadlines[top] as number) + 1 / this.#weightOf(top);
    deadlines[top] = deadline;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (
        right < heap.length &&
        (deadlines[heap[right] as number] as number) < (deadlines[heap[child] as number] as number)
      ) {
        child = right;
      }
      if ((deadlines[heap[child] as number] as number) >= deadline) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = top;
    return top;
  }
}
