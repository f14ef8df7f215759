import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonPatch } from '@lateen/kube';
import { jsonDifference } from './json-difference.ts';

const json = fc.jsonValue({ maxDepth: 4 });

test('the difference of two values, applied to the first, gives the second', () => {
  fc.assert(
    fc.property(json, json, (from, to) => {
      const applied = jsonPatch(from, jsonDifference(from, to));
      assert.ok(applied.ok, JSON.stringify(applied));
      assert.deepEqual(applied.value, to);
    }),
    { numRuns: 500 },
  );
});

test('what is added at the end of a list is added, not the whole list', () => {
  assert.deepEqual(jsonDifference({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }, 3] }), [
    { op: 'add', path: '/a/-', value: 3 },
  ]);
});

test('names with slashes and tildes are escaped', () => {
  assert.deepEqual(jsonDifference({ 'a/b': 1 }, { 'a/b': 2, '~': 3 }), [
    { op: 'replace', path: '/a~1b', value: 2 },
    { op: 'add', path: '/~0', value: 3 },
  ]);
});
