import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { collectGarbageAtRest } from './collect-garbage.ts';

const mb = 1024 * 1024;

function started() {
  const clock = new TestClock();
  const heap = {
    used: 30 * mb,
    cpu: 400,
    collections: 0,
    usedBytes: () => heap.used,
    cpuMs: () => heap.cpu,
    collect() {
      heap.collections++;
      heap.used = 10 * mb;
    },
  };
  const looking = collectGarbageAtRest(clock, heap);
  return { clock, heap, looking };
}

test('what the start has left is collected once', () => {
  const { clock, heap } = started();
  clock.advance(2_000);
  assert.equal(heap.collections, 1);
  clock.advance(60_000);
  assert.equal(heap.collections, 1);
});

test('what traffic has left is collected when the proxy has come to rest, not before', () => {
  const { clock, heap, looking } = started();
  clock.advance(2_000);
  heap.used = 50 * mb;
  heap.cpu += 1_000;
  clock.advance(5_000);
  assert.equal(heap.collections, 1);
  heap.cpu += 10;
  clock.advance(5_000);
  assert.equal(heap.collections, 2);
  heap.used = 12 * mb;
  clock.advance(5_000);
  assert.equal(heap.collections, 2);
  heap.used = 50 * mb;
  looking.cancel();
  clock.advance(5_000);
  assert.equal(heap.collections, 2);
});
