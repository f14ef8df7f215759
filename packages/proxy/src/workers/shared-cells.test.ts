import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { SharedCells, slotValues } from './shared-cells.ts';

test('a name has the same cells for all, and others than another name', () => {
  const one = new SharedCells();
  const other = new SharedCells(one.buffer);
  const a = one.acquire('a') as number;
  assert.equal(other.acquire('a'), a);
  const b = other.acquire('b') as number;
  assert.ok(Math.abs(b - a) >= slotValues);
  one.cells[a] = 7;
  assert.equal(other.cells[a], 7);
  assert.equal(other.cells[b], 0);
});

test('cells are forgotten with the last one who holds them, and used again', () => {
  const shared = new SharedCells();
  const first = shared.acquire('a') as number;
  shared.acquire('a');
  shared.cells[first] = 7;
  shared.release(first);
  assert.equal(shared.cells[first], 7);
  shared.release(first);
  assert.equal(shared.acquire('b'), first);
  assert.equal(shared.cells[first], 0);
});

test('a name has as many cells in a row as it asks for', () => {
  const shared = new SharedCells();
  const free = shared.acquire('free') as number;
  const before = shared.acquire('before') as number;
  shared.release(free);
  const many = shared.acquire('many', 100) as number;
  const after = shared.acquire('after', 13) as number;
  assert.equal(shared.acquire('many', 100), many);
  assert.ok(many > before && after >= many + 100);
  // What was let go is for those who need few.
  assert.equal(shared.acquire('few'), free);
});

test('each of many names keeps cells of its own while others come and go', () => {
  const shared = new SharedCells();
  const held = new Map<string, number>();
  for (let i = 0; i < 100_000; i++) {
    const name = `n${i}`;
    const at = shared.acquire(name) as number;
    shared.cells[at] = i;
    if (i % 3 === 0) shared.release(at);
    else held.set(name, at);
  }
  assert.equal(new Set(held.values()).size, held.size);
  for (const [name, at] of held) {
    assert.equal(shared.acquire(name), at);
    assert.equal(shared.cells[at], Number(name.slice(1)));
  }
});

test('there is no cell for one name more than there is room for', () => {
  const shared = new SharedCells();
  let count = 0;
  while (shared.acquire(`n${count}`) !== undefined) count++;
  assert.equal(count, 1 << 17);
  assert.notEqual(shared.acquire('n0'), undefined);
});

test('threads that ask at the same time get the same cells', async () => {
  const shared = new SharedCells();
  const threads = Array.from(
    { length: 3 },
    () =>
      new Worker(new URL('testing/counts-names.ts', import.meta.url), {
        workerData: { buffer: shared.buffer, names: 500, rounds: 20 },
      }),
  );
  await Promise.all(threads.map((thread) => once(thread, 'exit')));
  for (let i = 0; i < 500; i++) assert.equal(shared.cells[shared.acquire(`n${i}`) as number], 60);
});
