import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { NumberMap } from './number-map.ts';

const key = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }));
const step = fc.record({ key, remove: fc.boolean() });

test('a map of numbers holds what a Map does, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const own = new NumberMap<number>();
      const known = new Map<number, number>();
      for (const [i, { key: at, remove }] of steps.entries()) {
        if (remove) assert.equal(own.delete(at), known.delete(at));
        else {
          own.set(at, i);
          known.set(at, i);
        }
        assert.equal(own.size, known.size);
        assert.equal(own.get(at), known.get(at));
      }
      for (const at of known.keys()) assert.equal(own.get(at), known.get(at));
      assert.deepEqual(new Set(own.values()), new Set(known.values()));
    }),
  );
});

test('ids that go up, a few at a time, and a table that has been large, are found', () => {
  const own = new NumberMap<string>();
  for (let id = 1; id < 20_000; id += 2) {
    own.set(id, `${id}`);
    if (id > 2_000) own.delete(id - 2_000);
  }
  assert.equal(own.size, 1_000);
  for (let id = 18_001; id < 20_000; id += 2) assert.equal(own.get(id), `${id}`);
  for (let id = 18_001; id < 20_000; id += 2) own.delete(id);
  assert.deepEqual([own.size, own.get(19_999), [...own.values()]], [0, undefined, []]);
});

test('what is removed while the values are gone through is passed over', () => {
  const own = new NumberMap<number>();
  for (let id = 0; id < 10; id++) own.set(id, id);
  const seen: number[] = [];
  for (const value of own.values()) {
    seen.push(value);
    for (let id = 0; id < 10; id++) if (id !== value) own.delete(id);
  }
  assert.equal(seen.length, 1);
});

test('what has gone is not kept by a map that lives on', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('globalThis.gc') as (options: { type: 'minor' | 'major' }) => void;
  setFlagsFromString('--no-expose-gc');
  const own = new NumberMap<object>();
  const churn = (from: number, count: number): void => {
    for (let id = from; id < from + count; id++) {
      own.set(id, { bytes: Array.from({ length: 100 }, () => id) });
      if (id >= 10) own.delete(id - 10);
    }
  };
  churn(0, 100);
  // Now it is of the old generation, with all that it holds.
  gc({ type: 'major' });
  const before = process.memoryUsage().heapUsed;
  churn(100, 20_000);
  gc({ type: 'minor' });
  gc({ type: 'minor' });
  const grownBy = process.memoryUsage().heapUsed - before;
  assert.ok(grownBy < 4_000_000, `${grownBy} bytes of 16 MB`);
});
