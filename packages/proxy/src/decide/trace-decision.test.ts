import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fraction } from '../model/string-match.ts';
import { decideTrace, drawOfId, reasonOfId, withReason } from './trace-decision.ts';

const all: Fraction = { numerator: 100, denominator: 100 };
const none: Fraction = { numerator: 0, denominator: 10_000 };
const everything = { client: all, random: all, overall: all };
const silent = { hasClientTraceId: false, forced: false };
// 0x00000064 is 100: the draw of one in a hundred.
const id = '00000064-0000-4000-8000-000000000000';

test('an id carries the decision in its version digit, and only a UUID does', () => {
  assert.equal(reasonOfId(id), 'not_traceable');
  assert.equal(withReason(id, 'sampling'), '00000064-0000-9000-8000-000000000000');
  for (const reason of ['sampling', 'service_forced', 'client_forced', 'not_traceable'] as const) {
    assert.equal(reasonOfId(withReason(id, reason)), reason);
  }
  assert.equal(withReason('mine', 'sampling'), 'mine');
  assert.equal(reasonOfId('mine'), 'not_traceable');
});

test('the share that is sampled follows from the id', () => {
  assert.equal(drawOfId(id), 100);
  assert.equal(drawOfId('zz000064-0000-4000-8000-000000000000'), undefined);
  const share = (numerator: number) => ({
    ...everything,
    random: { numerator, denominator: 10_000 } as const,
  });
  assert.equal(decideTrace(id, silent, share(101), Math.random), 'sampling');
  assert.equal(decideTrace(id, silent, share(100), Math.random), 'not_traceable');
});

test('what another proxy decided holds, then who asks, all within the overall share', () => {
  const quiet = { ...everything, random: none };
  const forced = withReason(id, 'service_forced');
  assert.equal(decideTrace(forced, silent, quiet, Math.random), 'service_forced');
  assert.equal(decideTrace(forced, silent, quiet, Math.random, false), 'not_traceable', 'it carries none');
  assert.equal(
    decideTrace(id, { hasClientTraceId: true, forced: true }, quiet, () => 0),
    'client_forced',
  );
  assert.equal(
    decideTrace(id, { hasClientTraceId: false, forced: true }, quiet, () => 0),
    'service_forced',
  );
  const never = { ...everything, overall: none };
  assert.equal(decideTrace(withReason(id, 'sampling'), silent, never, Math.random), 'not_traceable');
});

test('a request without an id that can be read is not traced', () => {
  assert.equal(decideTrace(undefined, silent, everything, Math.random), 'not_traceable');
  assert.equal(decideTrace('mine', silent, everything, Math.random), 'not_traceable');
});
