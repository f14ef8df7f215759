import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionIds } from './connection-ids.ts';

test('threads never give the same number', () => {
  const given = [0, 1, 2].flatMap((index) => {
    const ids = new ConnectionIds({ index, threads: 3 });
    return [ids.next(), ids.next()];
  });
  assert.deepEqual(given, [1, 4, 2, 5, 3, 6]);
  const alone = new ConnectionIds();
  assert.deepEqual([alone.next(), alone.next()], [1, 2]);
});
