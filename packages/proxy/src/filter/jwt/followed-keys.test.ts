import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { FollowingFetches, type FetchAnswer } from '../../workers/shared-fetches.ts';
import { FollowedKeys } from './followed-keys.ts';
import { KeySet } from './key-set.ts';
import type { KeySource } from './provider.ts';
import { createIssuer } from './testing/issuer.ts';

const text = createIssuer().jwks;
const config = {
  kind: 'remote',
  uri: 'http://keys/',
  cluster: 'keys',
  timeoutMs: 1_000,
  cacheMs: 1_000,
  retries: 0,
  retryBaseMs: 1,
  retryMaxMs: 1,
} as const;

/** Keys of a thread whose questions are answered so, one after another. */
function followed(answers: FetchAnswer[]) {
  const clock = new TestClock();
  let asked = 0;
  let own = 0;
  const fetches: FollowingFetches = new FollowingFetches((id) => {
    asked++;
    fetches.takeAnswer(id, answers.shift() ?? 'unknown');
  });
  const ownKeys: KeySource = {
    get(run) {
      own++;
      run(KeySet.parse(text));
      return () => {};
    },
  };
  const keys = new FollowedKeys('a', config, fetches, clock, () => ownKeys);
  void keys.start();
  const has = (): boolean => {
    let found: KeySet | undefined;
    keys.get((one) => (found = one));
    return found !== undefined;
  };
  return { clock, keys, fetches, has, counts: () => [asked, own] };
}

test('keys of the first thread serve for their time', () => {
  const { clock, has, counts } = followed([{ text, freshMs: 10 }, 'failed', { text, freshMs: 10 }]);
  assert.ok(has() && has());
  assert.deepEqual(counts(), [1, 0]);
  clock.advance(10);
  assert.ok(!has());
  assert.ok(has());
  assert.deepEqual(counts(), [3, 0]);
});

test('keys that come unasked serve too', () => {
  const { fetches, has, counts } = followed([]);
  fetches.take('a', { text, freshMs: 10 });
  assert.ok(has());
  assert.deepEqual(counts(), [0, 0]);
});

test('a thread fetches for itself what the first does not fetch, and when its listener is over', () => {
  const unknown = followed(['unknown']);
  assert.ok(unknown.has() && unknown.has());
  assert.deepEqual(unknown.counts(), [1, 2]);
  const over = followed([]);
  over.keys.stop();
  assert.ok(over.has());
  assert.deepEqual(over.counts(), [0, 1]);
});
