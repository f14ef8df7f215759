import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillRandom } from './random-bytes.ts';

test('every byte is filled, each time otherwise, and nothing beside them', () => {
  const whole = Buffer.alloc(4_100);
  const [seen, again] = [fillRandom(whole.subarray(2, 4_098)), fillRandom(Buffer.alloc(4_096))];
  assert.deepEqual([whole.subarray(0, 2), whole.subarray(4_098)], [Buffer.alloc(2), Buffer.alloc(2)]);
  assert.notDeepEqual(seen, again);
  // A part that stays as it was would be missed in a test of the whole.
  for (let at = 0; at < seen.length; at += 64)
    assert.notDeepEqual(seen.subarray(at, at + 64), Buffer.alloc(64), `${at}`);
});
