import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { FollowingFetches, LeadingFetches, type FetchAnswer, type Fetched } from './shared-fetches.ts';

const fetched: Fetched = { text: 'keys', freshMs: 5 };

/** The first thread and another one. */
function twoThreads() {
  const clock = new TestClock();
  const leading: LeadingFetches = new LeadingFetches(clock, (name, found) => following.take(name, found));
  const following = new FollowingFetches((id, name) =>
    leading.ask(name, (answer) => following.takeAnswer(id, answer)),
  );
  const answers: FetchAnswer[] = [];
  return { clock, leading, following, answers, ask: () => following.ask('a', (one) => answers.push(one)) };
}

test('who asks before the first thread has the configuration waits for it', () => {
  const { clock, leading, answers, ask } = twoThreads();
  ask();
  clock.advance(9_000);
  const end = leading.offer('a', (run) => run(fetched));
  clock.advance(9_000);
  assert.deepEqual(answers, [fetched]);
  end();
  leading.offer('a', (run) => run(undefined));
  ask();
  assert.deepEqual(answers, [fetched, 'failed']);
});

test('what the first thread does not fetch is unknown after a while', () => {
  const { clock, leading, answers, ask } = twoThreads();
  leading.offer('b', (run) => run(fetched));
  leading.offer('a', (run) => run(fetched))();
  ask();
  assert.deepEqual(answers, []);
  clock.advance(10_000);
  assert.deepEqual(answers, ['unknown']);
});

test('who follows is told of all that the first thread fetches', () => {
  const { leading, following } = twoThreads();
  const told: Fetched[] = [];
  const end = following.follow('a', (one) => told.push(one));
  leading.found('a', fetched);
  leading.found('b', fetched);
  end();
  leading.found('a', fetched);
  assert.deepEqual(told, [fetched]);
});
