import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findRange } from './subordinate-ids.ts';

test('the largest range of a user is found by name or number', () => {
  const text = 'ann:100000:65536\n1001:200000:10\nbob:300000:5\n1001:400000:70000\nbad:x:y\n';
  assert.deepEqual(findRange(text, 'ann', 7), { start: 100000, count: 65536 });
  assert.deepEqual(findRange(text, 'bob', 1001), { start: 400000, count: 70000 });
  assert.equal(findRange(text, 'bad', 8), undefined);
});
