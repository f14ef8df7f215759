import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { SqliteStore } from './sqlite-store.ts';
import { RevisionError, type Store, type StoreEvent } from './store.ts';

const folder = mkdtempSync(join(tmpdir(), 'lateen-store-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

interface Implementation {
  readonly name: string;
  open(): Store;
  /** Opens what was closed. */
  reopen(store: Store): Store;
}

function sqliteOnDisk(durability: 'process' | 'power'): Implementation {
  const paths = new WeakMap<Store, string>();
  const at = (file: string): Store => {
    const store = new SqliteStore({ file, durability });
    paths.set(store, file);
    return store;
  };
  return {
    name: `SQLite, durable against the end of the ${durability}`,
    open: () => at(join(folder, `${files++}.db`)),
    reopen: (store) => at(paths.get(store) ?? ''),
  };
}

async function written(result: Promise<{ ok: boolean; revision?: number }>): Promise<number> {
  const { ok, revision } = (await result) as { ok: boolean; revision: number };
  assert.ok(ok);
  return revision;
}

/** Collects events until there are `count` of them. */
function collect(store: Store, prefix: string, from: number, count: number): Promise<StoreEvent[]> {
  return new Promise((resolve) => {
    const seen: StoreEvent[] = [];
    const stop = store.watch(prefix, from, (events) => {
      seen.push(...events);
      if (seen.length < count) return;
      stop();
      resolve(seen);
    });
  });
}

/** What every store must do. */
function storeSuite(implementation: Implementation): void {
  describe(implementation.name, () => {
    test('a write gets the next revision and is read back with it', async () => {
      const store = implementation.open();
      const first = await written(store.create('/a/1', 'one'));
      const second = await written(store.create('/a/2', 'two'));
      assert.equal(second, first + 1);
      assert.equal(store.revision(), second);
      assert.deepEqual({ ...(await store.get('/a/1')) }, { key: '/a/1', value: 'one', revision: first });
      assert.equal(await store.get('/a/3'), undefined);
      await store.close();
    });

    test('writes that expect another state are refused with the reason', async () => {
      const store = implementation.open();
      const first = await written(store.create('/a/1', 'one'));
      assert.deepEqual(await store.create('/a/1', 'again'), { ok: false, reason: 'exists' });
      const second = await written(store.update('/a/1', 'two', first));
      assert.deepEqual(await store.update('/a/1', 'three', first), { ok: false, reason: 'changed' });
      assert.deepEqual(await store.delete('/a/1', first), { ok: false, reason: 'changed' });
      await written(store.delete('/a/1', second));
      assert.deepEqual(await store.update('/a/1', 'four', second), { ok: false, reason: 'missing' });
      assert.deepEqual(await store.delete('/a/1', second), { ok: false, reason: 'missing' });
      assert.equal(await store.get('/a/1'), undefined);
      await store.close();
    });

    test('a list holds the keys under its prefix, in order, and no others', async () => {
      const store = implementation.open();
      for (const key of ['/pods/b/2', '/pods/a/9', '/pods/b/1', '/podsets/x/1']) await store.create(key, key);
      const keys = async (prefix: string) => (await store.list(prefix)).items.map((item) => item.key);
      assert.deepEqual(await keys('/pods/'), ['/pods/a/9', '/pods/b/1', '/pods/b/2']);
      assert.deepEqual(await keys('/pods/b/'), ['/pods/b/1', '/pods/b/2']);
      assert.deepEqual(await keys('/nothing/'), []);
      await store.close();
    });

    test('pages of one list all show the revision of the first, whatever is written in between', async () => {
      const store = implementation.open();
      for (const n of [1, 2, 3, 4, 5]) await store.create(`/k/${n}`, `v${n}`);
      const first = await store.list('/k/', { limit: 2 });
      assert.equal(first.remaining, 3);
      const four = await store.get('/k/4');
      await store.delete('/k/4', four?.revision ?? 0);
      await store.create('/k/35', 'new');
      const five = await store.get('/k/5');
      await store.update('/k/5', 'changed', five?.revision ?? 0);
      const rest = await store.list('/k/', { after: '/k/2', revision: first.revision, limit: 10 });
      assert.deepEqual(
        rest.items.map((item) => item.value),
        ['v3', 'v4', 'v5'],
      );
      assert.equal(rest.remaining, 0);
      await store.close();
    });

    test('a watch from an old revision gets every write after it, then the new ones, with what was before', async () => {
      const store = implementation.open();
      const start = store.revision();
      const created = await written(store.create('/w/1', 'a'));
      await store.create('/other/1', 'x');
      const events = collect(store, '/w/', start, 3);
      const updated = await written(store.update('/w/1', 'b', created));
      await store.delete('/w/1', updated);
      const seen = (await events).map((event) => [event.value, event.previous?.value]);
      assert.deepEqual(seen, [
        ['a', undefined],
        ['b', 'a'],
        [undefined, 'b'],
      ]);
      await store.close();
    });

    test('what one watcher writes in its callback reaches the others after what they were about to see', async () => {
      const store = implementation.open();
      const start = store.revision();
      const stop = store.watch('/r/', start, (events) => {
        if (events[0]?.value === 'first') void store.create('/r/2', 'second');
      });
      const seen = collect(store, '/r/', start, 2);
      await store.create('/r/1', 'first');
      assert.deepEqual(
        (await seen).map((event) => event.value),
        ['first', 'second'],
      );
      stop();
      await store.close();
    });

    test('compaction forgets what was replaced, keeps what lives, and refuses older revisions', async () => {
      const store = implementation.open();
      const first = await written(store.create('/c/1', 'a'));
      await store.create('/c/2', 'gone');
      const gone = await store.get('/c/2');
      const second = await written(store.update('/c/1', 'b', first));
      const third = await written(store.delete('/c/2', gone?.revision ?? 0));
      await store.compact(third);
      assert.throws(
        () => store.watch('/c/', first, () => {}),
        (error: unknown) => error instanceof RevisionError && error.kind === 'compacted',
      );
      await assert.rejects(store.list('/c/', { revision: second }), RevisionError);
      const events = collect(store, '/c/', third, 1);
      await store.update('/c/1', 'c', second);
      assert.equal((await events)[0]?.previous?.value, 'b');
      assert.deepEqual(
        (await store.list('/c/', { revision: third })).items.map((item) => item.value),
        ['b'],
      );
      await store.close();
    });

    test('a watch or list at a revision that does not exist yet is refused', async () => {
      const store = implementation.open();
      const future = store.revision() + 1;
      assert.throws(() => store.watch('/f/', future, () => {}), RevisionError);
      await assert.rejects(store.list('/f/', { revision: future }), RevisionError);
      await store.close();
    });

    test('after a restart everything is there and no revision is used twice, also when the newest was compacted', async () => {
      const store = implementation.open();
      const created = await written(store.create('/p/1', 'a'));
      const deleted = await written(store.delete('/p/1', created));
      await store.create('/p/2', 'kept');
      const two = await store.get('/p/2');
      const last = await written(store.delete('/p/2', two?.revision ?? 0));
      await store.compact(last);
      await store.close();
      const again = implementation.reopen(store);
      assert.equal(again.revision(), last);
      assert.ok(deleted < last);
      assert.equal(await written(again.create('/p/3', 'b')), last + 1);
      await again.close();
    });
  });
}

storeSuite(sqliteOnDisk('process'));
storeSuite(sqliteOnDisk('power'));
