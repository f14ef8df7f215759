import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CycleError, Engine } from './engine.ts';
import { query, type Query, type View } from './query.ts';
import { State, index, put, remove, table, type Change } from './state.ts';

interface Item {
  readonly group: string;
  readonly size: number;
}

const items = table<Item>('items');
const byGroup = index(items, 'group', (row) => [row.group]);
const fresh = (): Engine => new Engine(State.empty([byGroup]));

const sizeOf = query('sizeOf', (view, key: string) => view.row(items, key)?.size ?? 0);
const groupTotal = query('groupTotal', (view, group: string) =>
  view.keysBy(byGroup, group).reduce((sum, key) => sum + view.get(sizeOf, key), 0),
);
const isBig = query('isBig', (view, group: string) => view.get(groupTotal, group) > 10);

/** Counts what each query runs. */
function counted<K, V>(inner: Query<K, V>): { query: Query<K, V>; runs: () => string[] } {
  let runs: string[] = [];
  const run = (view: View, key: K): V => {
    runs.push(inner.keyText(key));
    return inner.run(view, key);
  };
  return { query: { ...inner, run }, runs: () => runs.splice(0) };
}

test('a result is computed once and read again for nothing', () => {
  const engine = fresh();
  engine.advance([put(items, 'a', { group: 'g', size: 3 })]);
  assert.equal(engine.get(groupTotal, 'g'), 3);
  const { computed } = engine.stats;
  assert.equal(engine.get(groupTotal, 'g'), 3);
  assert.equal(engine.stats.computed, computed);
});

test('a change runs only the functions that read what changed', () => {
  const engine = fresh();
  const size = counted(sizeOf);
  const total = counted(
    query('total', (view, group: string) =>
      view.keysBy(byGroup, group).reduce((sum, key) => sum + view.get(size.query, key), 0),
    ),
  );
  engine.advance([
    put(items, 'a', { group: 'g', size: 3 }),
    put(items, 'b', { group: 'g', size: 4 }),
    put(items, 'c', { group: 'h', size: 5 }),
  ]);
  assert.equal(engine.get(total.query, 'g'), 7);
  assert.equal(engine.get(total.query, 'h'), 5);
  size.runs();
  total.runs();
  engine.advance([put(items, 'b', { group: 'g', size: 6 })]);
  assert.equal(engine.get(total.query, 'g'), 9);
  assert.equal(engine.get(total.query, 'h'), 5);
  assert.deepEqual(size.runs(), ['b']);
  assert.deepEqual(total.runs(), ['g']);
});

test('an equal result stops the wave and keeps the old object', () => {
  const engine = fresh();
  const shape = query('shape', (view, group: string) => ({ big: view.get(groupTotal, group) > 10 }));
  const outer = counted(query('outer', (view, group: string) => [view.get(shape, group)]));
  engine.advance([put(items, 'a', { group: 'g', size: 3 })]);
  const first = engine.get(outer.query, 'g');
  outer.runs();
  engine.advance([put(items, 'a', { group: 'g', size: 5 })]);
  assert.equal(engine.get(outer.query, 'g'), first);
  assert.deepEqual(outer.runs(), []);
  engine.advance([put(items, 'a', { group: 'g', size: 50 })]);
  assert.deepEqual(engine.get(outer.query, 'g'), [{ big: true }]);
});

test('a row put again with the same content changes nothing', () => {
  const engine = fresh();
  assert.equal(engine.advance([put(items, 'a', { group: 'g', size: 3 })]), true);
  assert.equal(engine.advance([put(items, 'a', { group: 'g', size: 3 })]), false);
  assert.equal(engine.state.version, 1);
});

test('what was missing is noticed when it comes', () => {
  const engine = fresh();
  assert.equal(engine.get(sizeOf, 'a'), 0);
  assert.equal(engine.get(groupTotal, 'g'), 0);
  engine.advance([put(items, 'a', { group: 'g', size: 3 })]);
  assert.equal(engine.get(sizeOf, 'a'), 3);
  assert.equal(engine.get(groupTotal, 'g'), 3);
  engine.advance([remove(items, 'a')]);
  assert.equal(engine.get(groupTotal, 'g'), 0);
});

test('a source that is no longer read is not run, even where it would fail', () => {
  const engine = fresh();
  const must = query('must', (view, key: string) => {
    const row = view.row(items, key);
    if (row === undefined) throw new Error(`no ${key}`);
    return row.size;
  });
  const sum = query('sum', (view, group: string) =>
    view.keysBy(byGroup, group).reduce((total, key) => total + view.get(must, key), 0),
  );
  engine.advance([put(items, 'a', { group: 'g', size: 1 }), put(items, 'b', { group: 'g', size: 2 })]);
  assert.equal(engine.get(sum, 'g'), 3);
  engine.advance([remove(items, 'b')]);
  assert.equal(engine.get(sum, 'g'), 1);
});

test('a function that throws fails alone and recovers with its input', () => {
  const engine = fresh();
  const checked = query('checked', (view, key: string) => {
    const size = view.row(items, key)?.size ?? 0;
    if (size < 0) throw new Error('negative');
    return size;
  });
  engine.advance([put(items, 'a', { group: 'g', size: -1 })]);
  assert.throws(() => engine.get(checked, 'a'), /negative/);
  assert.equal(engine.get(checked, 'b'), 0);
  engine.advance([put(items, 'a', { group: 'g', size: 1 })]);
  assert.equal(engine.get(checked, 'a'), 1);
});

test('settling tells observers of results that really changed, also when someone read them before', () => {
  const engine = fresh();
  const told: string[] = [];
  const big = engine.observe(isBig, 'g', () => told.push('big'));
  engine.observe(groupTotal, 'g', () => told.push('total'));
  engine.advance([put(items, 'a', { group: 'g', size: 5 })]);
  engine.settle();
  assert.deepEqual(told.splice(0), ['total']);
  engine.advance([put(items, 'b', { group: 'g', size: 6 })]);
  assert.equal(engine.get(isBig, 'g'), true);
  engine.settle();
  assert.deepEqual(told.splice(0).sort(), ['big', 'total']);
  big.release();
  engine.advance([remove(items, 'b')]);
  engine.settle();
  assert.deepEqual(told.splice(0), ['total']);
  engine.settle();
  assert.deepEqual(told, []);
});

test('a cycle is reported with its way round, and goes away with its cause', () => {
  const engine = fresh();
  const follow: Query<string, number> = query('follow', (view: View, key: string): number => {
    const next = view.row(items, key)?.group;
    return next === undefined || next === '' ? 0 : view.get(follow, next) + 1;
  });
  engine.advance([put(items, 'a', { group: 'b', size: 0 }), put(items, 'b', { group: 'a', size: 0 })]);
  assert.throws(
    () => engine.get(follow, 'a'),
    (error: unknown) => {
      assert.ok(error instanceof CycleError);
      assert.match(error.message, /follow\(a\) -> follow\(b\) -> follow\(a\)/);
      return true;
    },
  );
  engine.advance([put(items, 'b', { group: '', size: 0 })]);
  assert.equal(engine.get(follow, 'a'), 1);
  assert.equal(engine.get(follow, 'b'), 0);
});

test('a sweep forgets what nobody reads, with all that only it had read', () => {
  const engine = fresh();
  engine.advance([put(items, 'a', { group: 'g', size: 1 }), put(items, 'c', { group: 'h', size: 1 })]);
  const held = engine.observe(groupTotal, 'h', () => undefined);
  engine.get(isBig, 'g');
  assert.equal(engine.size, 5);
  engine.sweep(1);
  assert.equal(engine.size, 5);
  engine.advance([put(items, 'c', { group: 'h', size: 2 })]);
  engine.sweep(1);
  assert.equal(engine.size, 2);
  assert.equal(held.value(), 2);
  assert.equal(engine.get(isBig, 'g'), false);
});

test('what a result was made from can be asked', () => {
  const engine = fresh();
  engine.advance([put(items, 'a', { group: 'g', size: 1 })]);
  engine.get(groupTotal, 'g');
  assert.deepEqual(engine.sourcesOf(groupTotal, 'g'), ['items.group=g', 'sizeOf(a)']);
  assert.deepEqual(engine.sourcesOf(sizeOf, 'a'), ['items[a]']);
  assert.deepEqual(engine.cellsUnder(groupTotal, 'g'), ['items.group=g', 'items[a]']);
  assert.equal(engine.cellsUnder(groupTotal, 'never asked'), undefined);
});

/** A query whose reads depend on what it reads: the largest item's group total, and of that group the members. */
const winner = query('winner', (view) => {
  let best: string | undefined;
  for (const key of view.keys(items)) {
    if (best === undefined || view.get(sizeOf, key) > view.get(sizeOf, best)) best = key;
  }
  const group = best === undefined ? 'none' : (view.row(items, best)?.group ?? 'none');
  return { best, group, total: view.get(groupTotal, group), big: view.get(isBig, group) };
});

test('after any changes, reads, sweeps and settlings, every result is what a new engine computes', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const group = fc.constantFrom('g', 'h', 'i');
  const change: fc.Arbitrary<Change> = fc.oneof(
    fc
      .tuple(key, group, fc.integer({ min: 0, max: 8 }))
      .map(([k, g, size]) => put(items, k, { group: g, size })),
    key.map((k) => remove(items, k)),
  );
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.array(change, { minLength: 1, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constantFrom('settle' as const, 'sweep' as const, 'read' as const) },
  );
  const readAll = (engine: Engine): unknown[] => [
    engine.get(winner, ''),
    ...['g', 'h', 'i'].flatMap((g) => [engine.get(isBig, g), engine.get(groupTotal, g)]),
  ];
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const engine = fresh();
      let seen: unknown;
      const observed = engine.observe(winner, '', () => (seen = observed.value()));
      seen = observed.value();
      let all: Change[] = [];
      for (const s of steps) {
        if (s === 'settle') engine.settle();
        else if (s === 'sweep') engine.sweep(2);
        else if (s === 'read') engine.get(isBig, 'g');
        else {
          engine.advance(s);
          all = [...all, ...s];
        }
        if (s !== 'settle' && all.length % 3 !== 0) continue;
        const scratch = fresh();
        scratch.advance(all);
        assert.deepEqual(readAll(engine), readAll(scratch));
        engine.settle();
        assert.deepEqual(seen, scratch.get(winner, ''));
      }
    }),
    { numRuns: 200 },
  );
});

test('a change to one of a thousand rows runs a handful of functions', () => {
  const engine = fresh();
  engine.advance(
    Array.from({ length: 1000 }, (_, i) => put(items, `k${i}`, { group: `g${i % 50}`, size: 1 })),
  );
  for (let g = 0; g < 50; g++) engine.get(isBig, `g${g}`);
  const before = engine.stats.computed;
  engine.advance([put(items, 'k7', { group: 'g7', size: 2 })]);
  for (let g = 0; g < 50; g++) engine.get(isBig, `g${g}`);
  // sizeOf(k7), groupTotal(g7), isBig(g7)
  assert.equal(engine.stats.computed - before, 3);
});
