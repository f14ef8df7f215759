import { DatabaseSync, type StatementSync } from 'node:sqlite';
import {
  RevisionError,
  type ListRange,
  type Store,
  type StoreEvent,
  type StoreList,
  type StoredValue,
  type WriteResult,
} from './store.ts';
import { WatchHub } from './watch-hub.ts';

export interface SqliteStoreOptions {
  /** Path of the database file; `:memory:` keeps nothing. */
  readonly file: string;
  /**
   * What an acknowledged write survives: the death of the process (default; no fsync a write),
   * or also the loss of power (an fsync a write).
   */
  readonly durability?: 'process' | 'power';
}

const layout = `
  CREATE TABLE IF NOT EXISTS versions (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    previous INTEGER NOT NULL,
    value TEXT
  );
  CREATE INDEX IF NOT EXISTS versions_of_key ON versions (key, revision);
  CREATE TABLE IF NOT EXISTS heads (key TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`;

interface Row {
  readonly key: string;
  readonly revision: number;
  readonly value: string;
}

interface EventRow {
  readonly key: string;
  readonly revision: number;
  readonly value: string | null;
  readonly previous: number;
}

/** The first text after all that begin with `prefix`. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

/** The store on one SQLite file in write-ahead mode: every version is a row, `heads` names the living ones. */
export class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  readonly #hub = new WatchHub();
  #revision: number;
  #compacted: number;

  constructor(options: SqliteStoreOptions) {
    this.#db = new DatabaseSync(options.file);
    const synchronous = options.durability === 'power' ? 'FULL' : 'NORMAL';
    this.#db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous}; PRAGMA busy_timeout=5000`);
    this.#db.exec(layout);
    this.#statements = prepare(this.#db);
    const facts = this.#db.prepare('SELECT name, value FROM facts').all() as {
      name: string;
      value: number;
    }[];
    this.#compacted = facts.find((fact) => fact.name === 'compacted')?.value ?? 0;
    const newest = this.#db.prepare('SELECT max(revision) AS newest FROM versions').get();
    // Compaction keeps the newest revision in facts, so that numbers are never used twice.
    this.#revision = Math.max(
      Number(newest?.['newest'] ?? 0),
      facts.find((fact) => fact.name === 'newest')?.value ?? 0,
      1,
    );
  }

  revision(): number {
    return this.#revision;
  }

  get(key: string): Promise<StoredValue | undefined> {
    return Promise.resolve(this.#head(key));
  }

  list(prefix: string, range: ListRange = {}): Promise<StoreList> {
    const revision = range.revision ?? this.#revision;
    if (revision > this.#revision)
      return Promise.reject(new RevisionError('future', revision, this.#revision));
    if (revision < this.#compacted) {
      return Promise.reject(new RevisionError('compacted', revision, this.#compacted));
    }
    const from = range.after === undefined ? prefix : `${range.after}\0`;
    const end = endOf(prefix);
    const limit = range.limit ?? -1;
    const now = revision === this.#revision;
    const rows = now
      ? this.#statements.list.all(from, end, limit)
      : this.#statements.listAt.all(from, end, revision, limit);
    const items = rows as unknown as Row[];
    let remaining = 0;
    if (limit >= 0 && items.length === limit) {
      const next = `${items.at(-1)?.key ?? from}\0`;
      const count = now
        ? this.#statements.count.get(next, end)
        : this.#statements.countAt.get(next, end, revision);
      remaining = Number(count?.['n'] ?? 0);
    }
    return Promise.resolve({ items, revision, remaining });
  }

  create(key: string, value: string): Promise<WriteResult> {
    if (this.#statements.headRevision.get(key) !== undefined) {
      return Promise.resolve({ ok: false, reason: 'exists' });
    }
    return Promise.resolve(this.#write(key, value, undefined));
  }

  update(key: string, value: string, expected: number): Promise<WriteResult> {
    const head = this.#head(key);
    if (head === undefined) return Promise.resolve({ ok: false, reason: 'missing' });
    if (head.revision !== expected) return Promise.resolve({ ok: false, reason: 'changed' });
    return Promise.resolve(this.#write(key, value, head));
  }

  delete(key: string, expected: number): Promise<WriteResult> {
    const head = this.#head(key);
    if (head === undefined) return Promise.resolve({ ok: false, reason: 'missing' });
    if (head.revision !== expected) return Promise.resolve({ ok: false, reason: 'changed' });
    return Promise.resolve(this.#write(key, undefined, head));
  }

  watch(prefix: string, revision: number, onEvents: (events: readonly StoreEvent[]) => void): () => void {
    if (revision > this.#revision) throw new RevisionError('future', revision, this.#revision);
    if (revision < this.#compacted) throw new RevisionError('compacted', revision, this.#compacted);
    const missed: StoreEvent[] = [];
    if (revision < this.#revision) {
      const rows = this.#statements.since.all(revision, prefix, endOf(prefix)) as unknown as EventRow[];
      for (const row of rows) missed.push(this.#eventOf(row));
    }
    return this.#hub.add(prefix, missed, onEvents);
  }

  compact(revision: number): Promise<void> {
    const bound = Math.min(revision, this.#revision);
    if (bound <= this.#compacted) return Promise.resolve();
    this.#transaction(() => {
      this.#statements.forget.run(bound, bound);
      this.#statements.setFact.run('compacted', bound);
      this.#statements.setFact.run('newest', this.#revision);
    });
    this.#compacted = bound;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#hub.close();
    this.#db.close();
    return Promise.resolve();
  }

  #head(key: string): StoredValue | undefined {
    return this.#statements.head.get(key) as unknown as StoredValue | undefined;
  }

  #write(key: string, value: string | undefined, previous: StoredValue | undefined): WriteResult {
    const revision = this.#revision + 1;
    this.#transaction(() => {
      this.#statements.insert.run(revision, key, previous?.revision ?? 0, value ?? null);
      if (value === undefined) this.#statements.dropHead.run(key);
      else this.#statements.setHead.run(key, revision);
    });
    this.#revision = revision;
    this.#hub.publish({ key, revision, value, previous });
    return { ok: true, revision };
  }

  #transaction(run: () => void): void {
    this.#statements.begin.run();
    try {
      run();
      this.#statements.commit.run();
    } catch (error) {
      // An error such as a full disk has ended the transaction by itself.
      if (this.#db.isTransaction) this.#statements.rollback.run();
      throw error;
    }
  }

  #eventOf(row: EventRow): StoreEvent {
    const before = row.previous === 0 ? undefined : this.#statements.version.get(row.previous);
    return {
      key: row.key,
      revision: row.revision,
      value: row.value ?? undefined,
      previous: before as unknown as StoredValue | undefined,
    };
  }
}

type Statements = ReturnType<typeof prepare>;

function prepare(db: DatabaseSync) {
  const sql = (text: string): StatementSync => db.prepare(text);
  // A key's state at a revision is its newest version that is not newer than it.
  const livingAt = `FROM versions v WHERE v.key >= ? AND v.key < ? AND v.value IS NOT NULL
    AND v.revision = (SELECT max(w.revision) FROM versions w WHERE w.key = v.key AND w.revision <= ?)`;
  return {
    begin: sql('BEGIN IMMEDIATE'),
    commit: sql('COMMIT'),
    rollback: sql('ROLLBACK'),
    head: sql(
      'SELECT v.key, v.revision, v.value FROM heads h JOIN versions v ON v.revision = h.revision WHERE h.key = ?',
    ),
    headRevision: sql('SELECT revision FROM heads WHERE key = ?'),
    version: sql('SELECT key, revision, value FROM versions WHERE revision = ?'),
    insert: sql('INSERT INTO versions (revision, key, previous, value) VALUES (?, ?, ?, ?)'),
    setHead: sql('INSERT OR REPLACE INTO heads (key, revision) VALUES (?, ?)'),
    dropHead: sql('DELETE FROM heads WHERE key = ?'),
    list: sql(`SELECT h.key, h.revision, v.value FROM heads h JOIN versions v ON v.revision = h.revision
      WHERE h.key >= ? AND h.key < ? ORDER BY h.key LIMIT ?`),
    count: sql('SELECT count(*) AS n FROM heads WHERE key >= ? AND key < ?'),
    listAt: sql(`SELECT v.key, v.revision, v.value ${livingAt} ORDER BY v.key LIMIT ?`),
    countAt: sql(`SELECT count(*) AS n ${livingAt}`),
    since: sql(
      'SELECT key, revision, value, previous FROM versions WHERE revision > ? AND key >= ? AND key < ? ORDER BY revision',
    ),
    // The version that was the living one at the bound stays: later events name it as their previous.
    forget: sql(`DELETE FROM versions WHERE revision <= ?
      AND (value IS NULL OR revision < (SELECT max(w.revision) FROM versions w WHERE w.key = versions.key AND w.revision <= ?))`),
    setFact: sql('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)'),
  };
}
