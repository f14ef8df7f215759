import { sameValue } from './same-value.ts';
import type { Index, Table } from './state.ts';

/**
 * What a pure function may read: rows of the mesh state, and results of other functions.
 *
 * Every read is recorded, finely: a row, the keys under one value of an index, the set of keys
 * of a table. What was not there is recorded too, so that its coming is noticed.
 */
export interface View {
  /** A row; undefined where there is none. */
  row<Row>(from: Table<Row>, key: string): Row | undefined;
  /** All keys of a table, sorted: read anew whenever a row comes or goes. */
  keys(of: Table<unknown>): readonly string[];
  /** Keys of the rows with this value in the index, sorted. */
  keysBy<Row>(by: Index<Row>, value: string): readonly string[];
  /** The result of another function, remembered under `key`. */
  get<Key, Value>(query: Query<Key, Value>, key: Key): Value;
}

/** A pure function of a view and a key, whose results are remembered. */
export interface Query<Key, Value> {
  readonly name: string;
  readonly run: (view: View, key: Key) => Value;
  /** Text that is equal for equal keys. */
  readonly keyText: (key: Key) => string;
  /** Decides whether a recomputed value counts as the old one, which is then kept. */
  equal(a: Value, b: Value): boolean;
}

/** Options of {@link query}. */
export interface QueryOptions<Key, Value> {
  /** Default: the text itself, or the JSON of anything else (write such keys with one order of fields). */
  readonly keyText?: (key: Key) => string;
  /** Default: structural equality. */
  readonly equal?: (a: Value, b: Value) => boolean;
}

/**
 * Names a pure function so that an engine can remember its results.
 *
 * `run` may read only through its view, must give the same for the same reads, and must not
 * change what it reads or what it gave.
 */
export function query<Key, Value>(
  name: string,
  run: (view: View, key: Key) => Value,
  options: QueryOptions<Key, Value> = {},
): Query<Key, Value> {
  return {
    name,
    run,
    keyText: options.keyText ?? ((key) => (typeof key === 'string' ? key : JSON.stringify(key))),
    equal: options.equal ?? sameValue,
  };
}
