/** So many times are kept; later ones take the place of any. */
const maxKept = 16_384;

/** How long the requests of a window took. */
export interface RequestTimes {
  readonly count: number;
  add(ms: number, random: () => number): void;
  /** The time that a share of them, in [0, 1], is below; forgets them all. */
  take(share: number): number;
  clear(): void;
}

/** As they were, of one thread. */
export class KeptTimes implements RequestTimes {
  #times: number[] = [];

  get count(): number {
    return this.#times.length;
  }

  add(ms: number, random: () => number): void {
    const times = this.#times;
    if (times.length < maxKept) times.push(ms);
    else times[Math.floor(random() * maxKept)] = ms;
  }

  take(share: number): number {
    const sorted = this.#times.sort((a, b) => a - b);
    this.#times = [];
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  }

  clear(): void {
    this.#times = [];
  }
}

/** The first range of a {@link TimeHistogram} ends here; each further one is so many times as long as that before. */
const leastMs = 0.01;
const growth = 1.02;
const logGrowth = Math.log(growth);
/** From 0.01 ms to nine minutes. */
const ranges = 900;

/** Cells that a {@link TimeHistogram} needs. */
export const histogramCells = 1 + ranges;

/** By ranges of 2%, in cells of which all threads of a process know; used under a lock. */
export class TimeHistogram implements RequestTimes {
  readonly #cells: Int32Array;
  readonly #at: number;

  /** `at`: the first of {@link histogramCells}. */
  constructor(cells: Int32Array, at: number) {
    this.#cells = cells;
    this.#at = at;
  }

  get count(): number {
    return this.#cells[this.#at] ?? 0;
  }

  add(ms: number): void {
    const range = Math.ceil(Math.log(Math.max(ms, leastMs) / leastMs) / logGrowth);
    this.#count(0);
    this.#count(1 + Math.min(range, ranges - 1));
  }

  take(share: number): number {
    const cells = this.#cells;
    const wanted = Math.min(this.count - 1, Math.floor(this.count * share));
    let range = 0;
    for (let below = 0; range < ranges - 1; range++) {
      below += cells[this.#at + 1 + range] ?? 0;
      if (below > wanted) break;
    }
    this.clear();
    // The middle of the range.
    return leastMs * growth ** (range - 0.5);
  }

  clear(): void {
    this.#cells.fill(0, this.#at, this.#at + histogramCells);
  }

  #count(cell: number): void {
    const at = this.#at + cell;
    this.#cells[at] = (this.#cells[at] ?? 0) + 1;
  }
}
