import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultThresholds } from '../model/index.ts';
import { Breakers } from './breakers.ts';

test('a retry budget is a share of the requests under way, and never less than its least', () => {
  const breakers = new Breakers({
    ...defaultThresholds,
    maxRetries: 1,
    retryBudget: { budgetPercent: 20, minRetryConcurrency: 3 },
  });
  breakers.retries = 2;
  assert.equal(breakers.mayRetry(), true);
  breakers.retries = 3;
  assert.equal(breakers.mayRetry(), false);
  breakers.requests = 20;
  assert.equal(breakers.mayRetry(), true);
  breakers.retries = 4;
  assert.equal(breakers.mayRetry(), false);
});

test('without a budget retries have a plain limit, whatever is under way', () => {
  const breakers = new Breakers({ ...defaultThresholds, maxRetries: 2 });
  breakers.requests = 1_000;
  breakers.retries = 1;
  assert.equal(breakers.mayRetry(), true);
  breakers.retries = 2;
  assert.equal(breakers.mayRetry(), false);
});
