import { labelOf, type Cell, type Memo, type Outcome, type Source } from './memo.ts';
import type { Query, View } from './query.ts';
import type { Change, Index, State, Table } from './state.ts';

/** Counts since the engine was made. */
export interface EngineStats {
  /** Functions run. */
  computed: number;
  /** Runs whose result was equal to the old one, so that their readers were left alone. */
  cutOff: number;
  /** Reads answered without running anything. */
  reused: number;
  /** Memos forgotten because nobody reads them. */
  evicted: number;
}

/** An interest in one result, held until released. */
export interface Observation<Value> {
  /** The result for the current state. Throws what the function threw. */
  value(): Value;
  release(): void;
}

/** A function that, for some key, reads its own result: a bug, named by the way around. */
export class CycleError extends Error {
  constructor(path: readonly string[]) {
    super(`cycle of queries: ${path.join(' -> ')}`);
    this.name = 'CycleError';
  }
}

/**
 * Remembers the results of pure functions over the mesh state, and keeps them true at the least cost.
 *
 * How it works, in four steps:
 *
 * 1. **Record.** While a function runs, its {@link View} notes each cell of the state and each other
 *    result that it reads; the source keeps the way back to its readers.
 * 2. **Mark.** {@link Engine.advance} puts the next state in place. Direct readers of the cells that
 *    really changed become `dirty`; all that reads those, directly or not, becomes `check`. Nothing runs.
 * 3. **Pull.** Whoever wants a result ({@link Engine.get}, or {@link Engine.settle} for all observed
 *    ones) refreshes it: a `check` memo refreshes its sources in the order in which they were read, and
 *    runs only when one of them turns out different.
 * 4. **Cut off.** A run whose result equals the old one keeps the old object and leaves its readers
 *    alone, so that a wave of change stops where it no longer matters.
 *
 * Nobody writes dependency rules, and there is nothing to forget: what a function did not read cannot
 * have an influence on it. Results that nobody reads any more are dropped by {@link Engine.sweep}.
 */
export class Engine {
  readonly stats: EngineStats = { computed: 0, cutOff: 0, reused: 0, evicted: 0 };
  #state: State;
  #generation = 0;
  readonly #cells = new Map<string, Cell>();
  readonly #memos = new Map<Query<unknown, unknown>, Map<string, Memo>>();
  /** Observed memos that may have another value since the last settling. */
  readonly #stale = new Set<Memo>();
  /** Memos without a reader among memos: candidates for eviction. */
  readonly #unread = new Set<Memo>();
  readonly #running: Memo[] = [];

  constructor(state: State) {
    this.#state = state;
  }

  get state(): State {
    return this.#state;
  }

  /** How many results are remembered. */
  get size(): number {
    let n = 0;
    for (const memos of this.#memos.values()) n += memos.size;
    return n;
  }

  /** Puts changes in place and marks what may be affected; runs nothing. True where anything changed. */
  advance(changes: readonly Change[]): boolean {
    if (this.#running.length > 0) throw new Error('a query may not change the state');
    const { state, altered } = this.#state.with(changes);
    if (state === this.#state) return false;
    this.#state = state;
    this.#generation++;
    for (const { table, key } of altered.rows) this.#dirtyReaders(rowLabel(table, key));
    for (const table of altered.keySets) this.#dirtyReaders(keysLabel(table));
    for (const { index, value } of altered.indexed) this.#dirtyReaders(indexLabel(index, value));
    return true;
  }

  /** The result of a function for a key, in the current state. Throws what the function throws. */
  get<Key, Value>(query: Query<Key, Value>, key: Key): Value {
    const memo = this.#memo(query, key);
    memo.lastReadIn = this.#generation;
    return this.#valueOf(memo) as Value;
  }

  /**
   * Keeps a result alive and calls `onChange` from {@link settle} whenever it has become another.
   *
   * The listener may read, observe and release, but not advance.
   */
  observe<Key, Value>(query: Query<Key, Value>, key: Key, onChange: () => void): Observation<Value> {
    const memo = this.#memo(query, key);
    this.#refresh(memo);
    if (memo.listeners.size === 0) memo.told = memo.outcome;
    const listener = (): void => onChange();
    memo.listeners.add(listener);
    return {
      value: () => this.#valueOf(memo) as Value,
      release: () => {
        memo.listeners.delete(listener);
        if (memo.listeners.size === 0) this.#stale.delete(memo);
        memo.lastReadIn = this.#generation;
      },
    };
  }

  /** Brings every observed result up to date and tells the listeners of those that changed. */
  settle(): void {
    const stale = [...this.#stale];
    this.#stale.clear();
    const changed: Memo[] = [];
    for (const memo of stale) {
      this.#refresh(memo);
      if (memo.outcome !== memo.told) changed.push(memo);
      memo.told = memo.outcome;
    }
    for (const memo of changed) for (const listener of Array.from(memo.listeners)) listener();
  }

  /**
   * Forgets results that no other result and no observer reads, and that were not asked for during
   * the last `generations` changes of state; then what only those had read.
   */
  sweep(generations: number): void {
    const queue = [...this.#unread];
    for (let memo = queue.pop(); memo !== undefined; memo = queue.pop()) {
      if (memo.readers.size > 0 || memo.listeners.size > 0) continue;
      if (this.#generation - memo.lastReadIn < generations) continue;
      for (const source of memo.sources) {
        this.#unsubscribe(memo, source);
        if (source.kind === 'memo' && source.readers.size === 0) queue.push(source);
      }
      memo.sources = [];
      this.#unread.delete(memo);
      if (this.#memos.get(memo.query)?.delete(memo.keyText)) this.stats.evicted++;
    }
  }

  /** What a remembered result was made from, by name and in order of reading; undefined where it is not remembered. */
  sourcesOf<Key, Value>(query: Query<Key, Value>, key: Key): readonly string[] | undefined {
    const memo = this.#memos.get(query as unknown as Query<unknown, unknown>)?.get(query.keyText(key));
    return memo?.sources.map(labelOf);
  }

  /**
   * Every part of the state that a result rests on, directly or through other results, sorted: what would have
   * to change for it to be another. Undefined where the result is not remembered.
   */
  cellsUnder<Key, Value>(query: Query<Key, Value>, key: Key): readonly string[] | undefined {
    const memo = this.#memos.get(query as unknown as Query<unknown, unknown>)?.get(query.keyText(key));
    if (memo === undefined) return undefined;
    const seen = new Set<Source>([memo]);
    const queue: Source[] = [memo];
    for (let source = queue.pop(); source !== undefined; source = queue.pop()) {
      if (source.kind === 'cell') continue;
      for (const next of source.sources) {
        if (seen.has(next)) continue;
        seen.add(next);
        queue.push(next);
      }
    }
    return [...seen].flatMap((source) => (source.kind === 'cell' ? source.label : [])).sort();
  }

  #memo<Key, Value>(query: Query<Key, Value>, key: Key): Memo {
    const plain = query as unknown as Query<unknown, unknown>;
    let memos = this.#memos.get(plain);
    if (memos === undefined) this.#memos.set(plain, (memos = new Map()));
    const keyText = query.keyText(key);
    let memo = memos.get(keyText);
    if (memo === undefined) {
      memo = {
        kind: 'memo',
        query: plain,
        key,
        keyText,
        standing: 'new',
        outcome: undefined,
        told: undefined,
        sources: [],
        readers: new Set(),
        listeners: new Set(),
        lastReadIn: this.#generation,
      };
      memos.set(keyText, memo);
      this.#unread.add(memo);
    }
    return memo;
  }

  #valueOf(memo: Memo): unknown {
    if (memo.standing === 'clean') this.stats.reused++;
    else this.#refresh(memo);
    const outcome = memo.outcome as Outcome;
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  }

  /** Makes a memo clean: by looking at its sources where that is enough, by running it where not. */
  #refresh(memo: Memo): void {
    if (memo.standing === 'clean') return;
    if (memo.standing === 'running') this.#throwCycle(memo);
    if (memo.standing === 'check') {
      for (const source of memo.sources) {
        if (source.kind === 'memo') this.#refresh(source);
        // A source that changed has made us dirty, and decides whether the later ones still matter.
        if (this.#isDirty(memo)) break;
      }
    }
    if (memo.standing === 'check') memo.standing = 'clean';
    else this.#run(memo);
  }

  #isDirty(memo: Memo): boolean {
    return memo.standing === 'dirty';
  }

  #run(memo: Memo): void {
    const before = memo.outcome;
    const sources = new Set<Source>();
    memo.standing = 'running';
    this.#running.push(memo);
    let outcome: Outcome;
    try {
      outcome = { ok: true, value: memo.query.run(this.#viewFor(memo, sources), memo.key) };
    } catch (error) {
      outcome = { ok: false, error };
    }
    this.#running.pop();
    this.stats.computed++;
    for (const old of memo.sources) if (!sources.has(old)) this.#unsubscribe(memo, old);
    memo.sources = [...sources];
    memo.standing = 'clean';
    if (!outcome.ok && outcome.error instanceof CycleError) {
      // The way round is not among the sources, so nothing would tell that it is broken: always run again.
      memo.standing = 'dirty';
      if (memo.listeners.size > 0) this.#stale.add(memo);
    }
    if (before?.ok && outcome.ok && memo.query.equal(before.value, outcome.value)) {
      this.stats.cutOff++;
      return;
    }
    memo.outcome = outcome;
    for (const reader of memo.readers) if (reader.standing === 'check') reader.standing = 'dirty';
  }

  #viewFor(memo: Memo, sources: Set<Source>): View {
    const note = (source: Source): void => {
      sources.add(source);
      source.readers.add(memo);
      if (source.kind === 'memo') this.#unread.delete(source);
    };
    return {
      row: (table, key) => {
        note(this.#cell(rowLabel(table, key), { table, key }));
        return this.#state.row(table, key);
      },
      keys: (table) => {
        note(this.#cell(keysLabel(table), { keysOf: table }));
        return this.#state.keys(table);
      },
      keysBy: (index, value) => {
        note(this.#cell(indexLabel(index, value), { index: index as Index<unknown>, value }));
        return this.#state.keysBy(index, value);
      },
      get: (query, key) => {
        const source = this.#memo(query, key);
        if (source.standing === 'running') this.#throwCycle(source);
        note(source);
        return this.#valueOf(source) as never;
      },
    };
  }

  #cell(label: string, what: Cell['what']): Cell {
    let cell = this.#cells.get(label);
    if (cell === undefined)
      this.#cells.set(label, (cell = { kind: 'cell', label, what, readers: new Set() }));
    return cell;
  }

  #dirtyReaders(label: string): void {
    const cell = this.#cells.get(label);
    if (cell === undefined) return;
    const queue: Memo[] = [];
    const touch = (memo: Memo, standing: 'dirty' | 'check'): void => {
      if (memo.standing === 'clean') {
        queue.push(memo);
        if (memo.listeners.size > 0) this.#stale.add(memo);
        memo.standing = standing;
      } else if (standing === 'dirty' && memo.standing === 'check') {
        memo.standing = 'dirty';
      }
    };
    for (const reader of cell.readers) touch(reader, 'dirty');
    for (let memo = queue.pop(); memo !== undefined; memo = queue.pop()) {
      for (const reader of memo.readers) touch(reader, 'check');
    }
  }

  #unsubscribe(reader: Memo, source: Source): void {
    source.readers.delete(reader);
    if (source.readers.size > 0) return;
    if (source.kind === 'cell') this.#cells.delete(source.label);
    else this.#unread.add(source);
  }

  #throwCycle(memo: Memo): never {
    const from = this.#running.indexOf(memo);
    throw new CycleError([...this.#running.slice(from), memo].map(labelOf));
  }
}

function rowLabel(table: Table<unknown>, key: string): string {
  return `${table.name}[${key}]`;
}

function keysLabel(table: Table<unknown>): string {
  return `${table.name}[*]`;
}

function indexLabel<Row>(index: Index<Row>, value: string): string {
  return `${index.name}=${value}`;
}
