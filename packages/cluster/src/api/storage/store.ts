/** A value as it was at one revision. */
export interface StoredValue {
  readonly key: string;
  readonly value: string;
  /** The revision that wrote this value. */
  readonly revision: number;
}

/** One write, in the order of revisions. `previous` is undefined for a new key. */
export interface StoreEvent {
  readonly key: string;
  readonly revision: number;
  /** Undefined where the key was deleted. */
  readonly value: string | undefined;
  readonly previous: StoredValue | undefined;
}

export interface StoreList {
  readonly items: StoredValue[];
  /** The revision that the list shows. */
  readonly revision: number;
  /** How many keys follow the last item; 0 where nothing was cut off. */
  readonly remaining: number;
}

export interface ListRange {
  /** Continue after this key. */
  readonly after?: string;
  /** Default: all. */
  readonly limit?: number;
  /** Default: the present one. */
  readonly revision?: number;
}

/** What a write met instead of what it expected. */
export type WriteConflict = {
  readonly ok: false;
  readonly reason: 'exists' | 'missing' | 'changed';
};
export type WriteResult = { readonly ok: true; readonly revision: number } | WriteConflict;

/** The revision asked for is no longer kept, or not there yet. */
export class RevisionError extends Error {
  readonly kind: 'compacted' | 'future';
  readonly revision: number;
  /** The oldest revision that is kept, or the newest that exists. */
  readonly bound: number;

  constructor(kind: 'compacted' | 'future', revision: number, bound: number) {
    super(
      kind === 'compacted'
        ? `revision ${revision} is older than the oldest that is kept (${bound})`
        : `revision ${revision} is newer than the newest (${bound})`,
    );
    this.kind = kind;
    this.revision = revision;
    this.bound = bound;
  }
}

/**
 * Keys with values and one counter of revisions over all of them, as etcd keeps them.
 *
 * Every write that was acknowledged survives the death of the process. Keys are compared as
 * bytes; a prefix names a range of keys.
 */
export interface Store {
  /** The newest revision. */
  revision(): number;
  get(key: string): Promise<StoredValue | undefined>;
  /** Rejects with {@link RevisionError} where `range.revision` is not kept. */
  list(prefix: string, range?: ListRange): Promise<StoreList>;
  create(key: string, value: string): Promise<WriteResult>;
  /** Writes only where the key still is at `expected`. */
  update(key: string, value: string, expected: number): Promise<WriteResult>;
  delete(key: string, expected: number): Promise<WriteResult>;
  /**
   * Calls `onEvents` with every write under `prefix` after `revision`, in order and in batches,
   * beginning with those that have happened. Throws {@link RevisionError} where they are not kept.
   * Returns the function that ends the watch.
   */
  watch(prefix: string, revision: number, onEvents: (events: readonly StoreEvent[]) => void): () => void;
  /** Forgets values that were replaced or deleted at or before `revision`. */
  compact(revision: number): Promise<void>;
  close(): Promise<void>;
}
