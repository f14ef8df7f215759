import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PersistentMap } from './persistent-map.ts';

test('behaves as a Map under any changes, and leaves every earlier version as it was', () => {
  const key = fc.integer({ min: 0, max: 40 }).map((n) => `k${n}`);
  const change = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), key, value: fc.integer() }),
    fc.record({ kind: fc.constant('delete' as const), key }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      let map = PersistentMap.empty<number>();
      const model = new Map<string, number>();
      const versions: [PersistentMap<number>, Map<string, number>][] = [];
      for (const c of changes) {
        if (c.kind === 'set') {
          map = map.set(c.key, c.value);
          model.set(c.key, c.value);
        } else {
          map = map.delete(c.key);
          model.delete(c.key);
        }
        versions.push([map, new Map(model)]);
      }
      for (const [version, expected] of versions) {
        assert.equal(version.size, expected.size);
        assert.deepEqual(new Map(version.entries()), expected);
        for (const [k, v] of expected) assert.equal(version.get(k), v);
      }
    }),
    { numRuns: 60 },
  );
});

test('keeps apart two keys with the same hash', () => {
  // These two collide under FNV-1a.
  const [a, b] = ['costarring', 'liquid'];
  const both = PersistentMap.empty<number>().set(a, 1).set(b, 2);
  assert.equal(both.get(a), 1);
  assert.equal(both.get(b), 2);
  assert.equal(both.delete(a).get(b), 2);
  assert.equal(both.delete(a).has(a), false);
});

test('deleting what is not there gives the same map', () => {
  const map = PersistentMap.empty<number>().set('a', 1);
  assert.equal(map.delete('b'), map);
});
