import { PersistentMap } from './persistent-map.ts';
import { sameValue } from './same-value.ts';

/** A kind of input: rows of one type under text keys. */
export interface Table<Row> {
  readonly name: string;
  /** Never there; carries the type of the rows. */
  readonly rowType?: Row;
}

/** A second way to find rows of a table: by the values that `valuesOf` takes from each. */
export interface Index<Row> {
  readonly name: string;
  readonly table: Table<Row>;
  readonly valuesOf: (row: Row, key: string) => readonly string[];
}

/** Names a table; two tables of one schema may not share a name. */
export function table<Row>(name: string): Table<Row> {
  return { name };
}

/** Names an index over a table. */
export function index<Row>(
  over: Table<Row>,
  name: string,
  valuesOf: (row: Row, key: string) => readonly string[],
): Index<Row> {
  return { name: `${over.name}.${name}`, table: over, valuesOf };
}

/** One row that is new or replaced, or (without `row`) gone. */
export interface Change {
  readonly table: Table<unknown>;
  readonly key: string;
  readonly row: unknown;
}

/** A change that puts a row. */
export function put<Row>(into: Table<Row>, key: string, row: Row): Change {
  return { table: into, key, row };
}

/** A change that takes a row away. */
export function remove<Row>(from: Table<Row>, key: string): Change {
  return { table: from, key, row: undefined };
}

/** What a list of changes really altered; equal rows put again are not in it. */
export interface Altered {
  readonly rows: readonly { readonly table: Table<unknown>; readonly key: string }[];
  /** Tables in which a key appeared or went. */
  readonly keySets: ReadonlySet<Table<unknown>>;
  /** Entries of indexes whose set of keys is another. */
  readonly indexed: readonly { readonly index: Index<unknown>; readonly value: string }[];
}

const none: readonly string[] = [];

/** Adds to, or takes from, a sorted list. */
function withKey(keys: readonly string[], key: string, present: boolean): readonly string[] {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  const found = keys[low] === key;
  if (found === present) return keys;
  return present ? keys.toSpliced(low, 0, key) : keys.toSpliced(low, 1);
}

/**
 * One immutable version of all inputs: tables of rows, and their indexes.
 *
 * Reads depend only on the rows, never on the order in which they came: lists of keys are sorted.
 */
export class State {
  readonly version: number;
  readonly #indexes: readonly Index<unknown>[];
  readonly #rows: ReadonlyMap<Table<unknown>, PersistentMap<unknown>>;
  readonly #entries: ReadonlyMap<Index<unknown>, PersistentMap<readonly string[]>>;
  readonly #sortedKeys = new Map<Table<unknown>, readonly string[]>();

  private constructor(
    version: number,
    indexes: readonly Index<unknown>[],
    rows: ReadonlyMap<Table<unknown>, PersistentMap<unknown>>,
    entries: ReadonlyMap<Index<unknown>, PersistentMap<readonly string[]>>,
  ) {
    this.version = version;
    this.#indexes = indexes;
    this.#rows = rows;
    this.#entries = entries;
  }

  /** Version 0: no rows. Every index that will be read must be named here. */
  // oxlint-disable-next-line typescript/no-explicit-any -- an index consumes its own rows only
  static empty(indexes: readonly Index<any>[]): State {
    return new State(0, indexes, new Map(), new Map());
  }

  row<Row>(from: Table<Row>, key: string): Row | undefined {
    return this.#rows.get(from)?.get(key) as Row | undefined;
  }

  /** All keys of a table, sorted. */
  keys(of: Table<unknown>): readonly string[] {
    let keys = this.#sortedKeys.get(of);
    if (keys === undefined) {
      keys = [...(this.#rows.get(of)?.entries() ?? [])].map((entry) => entry[0]).sort();
      this.#sortedKeys.set(of, keys);
    }
    return keys;
  }

  /** Keys of the rows that have this value in the index, sorted. */
  keysBy<Row>(by: Index<Row>, value: string): readonly string[] {
    return this.#entries.get(by as Index<unknown>)?.get(value) ?? none;
  }

  /** The next version, and what is different in it. The same state where nothing is. */
  with(changes: readonly Change[]): { readonly state: State; readonly altered: Altered } {
    const rows = new Map(this.#rows);
    const entries = new Map(this.#entries);
    const alteredRows = new Map<string, { table: Table<unknown>; key: string }>();
    const alteredEntries = new Map<string, { index: Index<unknown>; value: string }>();
    const keySets = new Set<Table<unknown>>();
    for (const { table: into, key, row } of changes) {
      const before = rows.get(into) ?? PersistentMap.empty<unknown>();
      const old = before.get(key);
      if (sameValue(old, row)) continue;
      rows.set(into, row === undefined ? before.delete(key) : before.set(key, row));
      alteredRows.set(`${into.name}\0${key}`, { table: into, key });
      if (old === undefined || row === undefined) keySets.add(into);
      for (const by of this.#indexes) {
        if (by.table !== into) continue;
        const had = old === undefined ? none : by.valuesOf(old, key);
        const has = row === undefined ? none : by.valuesOf(row, key);
        for (const value of new Set([...had, ...has])) {
          const map = entries.get(by) ?? PersistentMap.empty<readonly string[]>();
          const keys = map.get(value) ?? none;
          const next = withKey(keys, key, has.includes(value));
          if (next === keys) continue;
          entries.set(by, next.length === 0 ? map.delete(value) : map.set(value, next));
          alteredEntries.set(`${by.name}\0${value}`, { index: by, value });
        }
      }
    }
    const altered = { rows: [...alteredRows.values()], keySets, indexed: [...alteredEntries.values()] };
    if (altered.rows.length === 0) return { state: this, altered };
    return { state: new State(this.version + 1, this.#indexes, rows, entries), altered };
  }
}
