import type { SharedCells } from '../../workers/shared-cells.ts';
import { locked } from '../../workers/shared-lock.ts';

/** What a bucket holds: tokens, and when they were last added to, on the clock of `performance.now()`. */
export interface Level {
  tokens: number;
  filledMs: number;
}

/** What is in a slot: the lock, whether it has begun, and two numbers of two cells each, tokens and time. */
const part = { lock: 0, begun: 1, numbers: 2 } as const;

/**
 * The level of a bucket of which all threads of a process take, in shared memory under a lock of its own. The time of
 * `performance.now()` is one for all threads.
 */
export class SharedLevel {
  readonly #cells: Int32Array;
  readonly #at: number;
  /** The tokens, and the time. */
  readonly #numbers: Float64Array;

  constructor({ cells, buffer }: SharedCells, at: number) {
    this.#cells = cells;
    this.#at = at;
    this.#numbers = new Float64Array(buffer, (at + part.numbers) * Int32Array.BYTES_PER_ELEMENT, 2);
  }

  /** Runs `change` with the level as it is for all, and keeps for all what it makes of it. */
  change<T>(level: Level, change: () => T): T {
    const cells = this.#cells;
    const begun = this.#at + part.begun;
    const numbers = this.#numbers;
    return locked(cells, this.#at + part.lock, () => {
      if (cells[begun] === 1) {
        level.tokens = numbers[0] ?? 0;
        level.filledMs = numbers[1] ?? 0;
      }
      const result = change();
      cells[begun] = 1;
      numbers[0] = level.tokens;
      numbers[1] = level.filledMs;
      return result;
    });
  }
}
