import type { Fraction } from '../model/string-match.ts';
import type { StatGroup, StatVisitor } from '../telemetry/stat-group.ts';
import { entryOfText, type RuntimeEntry, type RuntimeValues } from './runtime-entry.ts';

/** One layer; later ones hold over earlier ones. */
export interface RuntimeLayer {
  readonly name: string;
  readonly kind: 'static' | 'disk' | 'admin' | 'rtds';
  readonly values: RuntimeValues;
}

/** The value of a key as it is now: read at each use, swapped when a layer changes. */
export interface RuntimeCell {
  readonly entry: RuntimeEntry | undefined;
}

interface Cell extends RuntimeCell {
  entry: RuntimeEntry | undefined;
}

/** A share that a runtime key changes while it is in use. */
class LiveFraction implements Fraction {
  readonly runtimeKey: string;
  readonly #cell: RuntimeCell;
  readonly #fallback: Fraction;

  constructor(cell: RuntimeCell, key: string, fallback: Fraction) {
    this.runtimeKey = key;
    this.#cell = cell;
    this.#fallback = fallback;
  }

  get numerator(): number {
    return (this.#cell.entry?.fraction ?? this.#fallback).numerator;
  }

  get denominator(): Fraction['denominator'] {
    return (this.#cell.entry?.fraction ?? this.#fallback).denominator;
  }
}

/** What can be changed while the proxy runs, in layers (Envoy, "Runtime configuration"). */
export class Runtime implements StatGroup {
  readonly prefix = 'runtime.';
  readonly prometheusPrefix = 'envoy_runtime_';
  readonly labels = {};
  #layers: readonly RuntimeLayer[];
  readonly #cells = new Map<string, Cell>();
  readonly #listeners = new Set<() => void>();
  #merged: RuntimeValues = new Map();
  #loads = 0;
  #errors = 0;

  constructor(layers: readonly RuntimeLayer[] = []) {
    this.#layers = layers;
    this.#merge();
  }

  get layers(): readonly RuntimeLayer[] {
    return this.#layers;
  }

  /** True while no layer has a value: nothing can be changed by it. */
  get isEmpty(): boolean {
    return this.#merged.size === 0;
  }

  /** The values that hold, by key. */
  get values(): RuntimeValues {
    return this.#merged;
  }

  /** The cell of a key; the same one at each call. */
  cell(key: string): RuntimeCell {
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { entry: this.#merged.get(key) };
      this.#cells.set(key, cell);
    }
    return cell;
  }

  /** A share that follows the key; without one, the share itself. */
  fraction(fallback: Fraction, key = fallback.runtimeKey): Fraction {
    return key === undefined || key === '' ? fallback : new LiveFraction(this.cell(key), key, fallback);
  }

  /** The number that a key has now; for what is worked out when it changes. */
  number(key: string, fallback: number): number {
    return this.#merged.get(key)?.number ?? fallback;
  }

  /** Replaces the values of a layer. */
  setLayer(name: string, values: RuntimeValues): void {
    this.#layers = this.#layers.map((layer) => (layer.name === name ? { ...layer, values } : layer));
    this.#merge();
    this.#loads++;
    for (const listener of this.#listeners) listener();
  }

  /** A layer could not be read; what it had before holds. */
  noteError(): void {
    this.#errors++;
  }

  /** Sets keys of the admin layer; an empty text takes a key out of it. False where there is no such layer. */
  modify(changes: Iterable<readonly [key: string, text: string]>): boolean {
    const admin = this.#layers.find(({ kind }) => kind === 'admin');
    if (admin === undefined) return false;
    const values = new Map(admin.values);
    for (const [key, text] of changes) {
      if (text === '') values.delete(key);
      else values.set(key, entryOfText(text));
    }
    this.setLayer(admin.name, values);
    return true;
  }

  /** Calls `listener` after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  visit(visitor: StatVisitor): void {
    const overrides = this.#layers.find(({ kind }) => kind === 'admin')?.values.size ?? 0;
    visitor.number('admin_overrides_active', 'gauge', overrides > 0 ? 1 : 0);
    visitor.number('load_error', 'counter', this.#errors);
    visitor.number('load_success', 'counter', this.#loads);
    visitor.number('num_keys', 'gauge', this.#merged.size);
    visitor.number('num_layers', 'gauge', this.#layers.length);
  }

  resetCounters(): void {
    this.#loads = 0;
    this.#errors = 0;
  }

  #merge(): void {
    const merged = new Map<string, RuntimeEntry>();
    for (const { values } of this.#layers) for (const [key, entry] of values) merged.set(key, entry);
    this.#merged = merged;
    for (const [key, cell] of this.#cells) cell.entry = merged.get(key);
  }
}
