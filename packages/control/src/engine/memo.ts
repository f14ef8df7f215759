import type { Query } from './query.ts';
import type { Index, Table } from './state.ts';

/**
 * Where a memo stands.
 *
 * - `new`: never computed.
 * - `clean`: its value is that of the current state.
 * - `check`: something that it read may be different; its direct sources decide.
 * - `dirty`: something that it read is different.
 * - `running`: being computed now; reading it is a cycle.
 */
export type Standing = 'new' | 'clean' | 'check' | 'dirty' | 'running';

/** Something in the state that can be read and can change. */
export interface Cell {
  readonly kind: 'cell';
  readonly label: string;
  readonly what:
    | { readonly table: Table<unknown>; readonly key: string }
    | { readonly keysOf: Table<unknown> }
    | { readonly index: Index<unknown>; readonly value: string };
  readonly readers: Set<Memo>;
}

/** The remembered result of one function for one key, with what it read and who reads it. */
export interface Memo {
  readonly kind: 'memo';
  readonly query: Query<unknown, unknown>;
  readonly key: unknown;
  readonly keyText: string;
  standing: Standing;
  outcome: Outcome | undefined;
  /** The outcome that the listeners know. */
  told: Outcome | undefined;
  /** In the order of the first read: an earlier one may decide whether a later one is read at all. */
  sources: readonly Source[];
  readonly readers: Set<Memo>;
  readonly listeners: Set<() => void>;
  /** The engine's generation at the last read from outside. */
  lastReadIn: number;
}

export type Source = Cell | Memo;

/** A function that throws has that as its result, until something that it read changes. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** The name under which a memo or cell is shown to people: `clusters(default)`, `services[default/reviews]`. */
export function labelOf(source: Source): string {
  return source.kind === 'cell' ? source.label : `${source.query.name}(${source.keyText})`;
}
