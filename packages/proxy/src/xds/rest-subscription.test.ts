import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger, TestClock } from '@lateen/core';
import { startClusters } from '../call/testing/cluster-harness.ts';
import { cluster, until, upstream, type Closers } from '../testing/harness.ts';
import { pollRest } from './rest-subscription.ts';

/** A server that answers as its list says, one entry for each request: a status, what is no JSON, or not at all. */
async function polled(t: Closers, answers: readonly (number | 'silence' | 'junk')[]) {
  const polls: string[] = [];
  const { port } = await upstream(t, (request, response) => {
    const answer = answers[polls.length];
    polls.push(`${request.method} ${request.url} ${request.headers.host}`);
    request.resume();
    if (answer === 'silence' || answer === undefined) return;
    if (answer === 'junk') {
      response.end('{nope');
      return;
    }
    response.writeHead(answer);
    response.end(answer === 200 ? JSON.stringify({ version_info: '1', resources: [] }) : '');
  });
  return { polls, port };
}

test('a source over REST is asked through its cluster, in its time, and again after the delay with its share of chance', async (t) => {
  const { polls, port } = await polled(t, ['silence', 503, 'junk', 304, 200]);
  const { context, ref } = startClusters(t, [cluster('rest', [port])]);
  const clock = new TestClock();
  const attempts: string[] = [];
  const feed = pollRest({
    calls: context,
    cluster: ref('rest'),
    type: 'cluster',
    node: { id: 'n' },
    refreshDelayMs: 1_000,
    requestTimeoutMs: 50,
    sink: { update: () => Promise.resolve([]) },
    clock,
    log: silentLogger,
    random: () => 0.5,
    onAttempt: (ended) => attempts.push(ended),
  });
  t.after(() => feed.close());
  assert.equal(polls.length, 0);
  feed.start();
  for (const [i, ended] of ['failed', 'failed', 'refused', 'answered', 'answered'].entries()) {
    await until(() => attempts.length === i + 1);
    assert.deepEqual([attempts[i], polls.length], [ended, i + 1]);
    clock.advance(1_499);
    assert.equal(polls.length, i + 1);
    clock.advance(1);
  }
  await until(() => polls.length === 6);
  assert.deepEqual(new Set(polls), new Set(['POST /v3/discovery:clusters rest']));
  const { n } = ref('rest').cluster?.stats ?? {};
  assert.deepEqual([n?.upstreamRqTotal, n?.upstreamRqTimeout, n?.upstreamCxActive], [6, 1, 1]);
});
