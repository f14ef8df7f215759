import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultCluster, defaultThresholds } from '../model/index.ts';
import type { CircuitBreakerThresholds } from '../model/cluster.ts';
import { SharedCells } from '../workers/shared-cells.ts';
import { breakersFor, type Breakers } from './breakers.ts';

const clusterWith = (limits: Partial<CircuitBreakerThresholds>) => {
  const thresholds = { ...defaultThresholds, ...limits };
  return { ...defaultCluster('up'), circuitBreakers: { default: thresholds, high: thresholds } };
};
const kinds: readonly (readonly [string, () => SharedCells | undefined])[] = [
  ['one thread', () => undefined],
  ['several threads', () => new SharedCells()],
];
const count = (times: number, one: (change: 1 | -1) => void, change: 1 | -1 = 1): void => {
  for (let i = 0; i < times; i++) one(change);
};

for (const [kind, shared] of kinds) {
  const breakersWith = (limits: Partial<CircuitBreakerThresholds>): Breakers =>
    breakersFor(clusterWith(limits), shared()).default;

  test(`${kind}: a retry budget is a share of the requests under way, and never less than its least`, () => {
    const breakers = breakersWith({
      maxRetries: 1,
      retryBudget: { budgetPercent: 20, minRetryConcurrency: 3 },
    });
    count(2, (change) => breakers.countRetry(change));
    assert.equal(breakers.mayRetry(), true);
    breakers.countRetry(1);
    assert.equal(breakers.mayRetry(), false);
    count(12, (change) => breakers.countRequest(change));
    // Those that wait for a connection are under way as well.
    count(8, (change) => breakers.countPending(change));
    assert.deepEqual([breakers.mayRetry(), breakers.retryLimit], [true, 4]);
    breakers.countRetry(1);
    assert.equal(breakers.mayRetry(), false);
  });

  test(`${kind}: without a budget retries have a plain limit, whatever is under way`, () => {
    const breakers = breakersWith({ maxRetries: 2 });
    count(1_000, (change) => breakers.countRequest(change));
    breakers.countRetry(1);
    assert.equal(breakers.mayRetry(), true);
    breakers.countRetry(1);
    assert.equal(breakers.mayRetry(), false);
  });

  test(`${kind}: each limit is for itself, and what ends makes room`, () => {
    const breakers = breakersWith({ maxConnections: 1, maxPendingRequests: 1, maxRequests: 1 });
    const may = () => [breakers.mayConnect(), breakers.mayWait(), breakers.mayRequest()];
    assert.deepEqual(may(), [true, true, true]);
    breakers.countConnection(1);
    assert.deepEqual(may(), [false, true, true]);
    breakers.countPending(1);
    assert.deepEqual(may(), [false, false, true]);
    breakers.countRequest(1);
    assert.deepEqual(may(), [false, false, false]);
    breakers.countConnection(-1);
    breakers.countPending(-1);
    breakers.countRequest(-1);
    assert.deepEqual(may(), [true, true, true]);
  });
}

test('threads count a cluster together, its routing priorities each for itself', () => {
  const cells = new SharedCells();
  const model = clusterWith({ maxRequests: 2 });
  const one = breakersFor(model, cells);
  const other = breakersFor(model, new SharedCells(cells.buffer));
  one.default.countRequest(1);
  other.default.countRequest(1);
  assert.deepEqual([one.default.mayRequest(), other.default.mayRequest()], [false, false]);
  assert.deepEqual([one.high.mayRequest(), other.high.mayRequest()], [true, true]);
  assert.equal(breakersFor({ ...model, name: 'other' }, cells).default.mayRequest(), true);
});
