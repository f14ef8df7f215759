import { GradientController, type GradientState } from '../decide/gradient-controller.ts';
import { histogramCells, TimeHistogram } from '../decide/request-times.ts';
import type { GradientRules } from '../model/adaptive-concurrency.ts';
import type { SharedCells } from '../workers/shared-cells.ts';
import { locked } from '../workers/shared-lock.ts';
import type { LimitPlace } from './rate-limit/limit-place.ts';

/** A limit of requests under way, of a thread or of all. */
export interface ConcurrencyLimit {
  admit(nowMs: number): boolean;
  record(startMs: number, nowMs: number, random: () => number): void;
  cancel(): void;
  readonly isMeasuring: boolean;
  readonly state: Readonly<GradientState>;
}

const fields: readonly (keyof GradientState)[] = [
  'outstanding',
  'limit',
  'deferredLimit',
  'epochMs',
  'nextUpdateMs',
  'nextMinRttMs',
  'timesAtLeast',
  'minRttMs',
  'sampleRttMs',
  'gradient',
  'headroom',
];

/** What is in the cells: the lock, whether it has begun, the fields of two cells each, and the times. */
const part = { lock: 0, begun: 1, fields: 2, times: 2 + 2 * fields.length } as const;
const cellsNeeded = part.times + histogramCells;

/** A {@link GradientController} that all threads of a process have in common, as Envoy's is, under a lock of its own. */
class SharedGradient implements ConcurrencyLimit {
  readonly #cells: Int32Array;
  readonly #at: number;
  readonly #fields: Float64Array;
  readonly #controller: GradientController;

  constructor({ cells, buffer }: SharedCells, at: number, rules: GradientRules, nowMs: number) {
    this.#cells = cells;
    this.#at = at;
    this.#fields = new Float64Array(buffer, (at + part.fields) * Int32Array.BYTES_PER_ELEMENT, fields.length);
    this.#controller = new GradientController(rules, nowMs, new TimeHistogram(cells, at + part.times));
  }

  admit(nowMs: number): boolean {
    return this.#change((controller) => controller.admit(nowMs));
  }

  record(startMs: number, nowMs: number, random: () => number): void {
    this.#change((controller) => controller.record(startMs, nowMs, random));
  }

  cancel(): void {
    this.#change((controller) => controller.cancel());
  }

  get isMeasuring(): boolean {
    return this.#change((controller) => controller.isMeasuring);
  }

  get state(): Readonly<GradientState> {
    return this.#change(({ state }) => state);
  }

  #change<T>(run: (controller: GradientController) => T): T {
    const cells = this.#cells;
    const values = this.#fields;
    const begun = this.#at + part.begun;
    return locked(cells, this.#at + part.lock, () => {
      const { state } = this.#controller;
      if (cells[begun] === 1) {
        for (const [i, field] of fields.entries()) state[field] = values[i] ?? 0;
      }
      const result = run(this.#controller);
      cells[begun] = 1;
      for (const [i, field] of fields.entries()) values[i] = state[field];
      return result;
    });
  }
}

/** The limit that all threads have at a place; of this thread alone where there is none. Other rules begin anew. */
export function concurrencyLimit(
  rules: GradientRules,
  nowMs: number,
  place: LimitPlace | undefined,
): ConcurrencyLimit {
  // Never let go, as there are not many.
  const at = place?.cells.acquire(`gradient ${place.owner} ${JSON.stringify(rules)}`, cellsNeeded);
  if (place === undefined || at === undefined) return new GradientController(rules, nowMs);
  return new SharedGradient(place.cells, at, rules, nowMs);
}
