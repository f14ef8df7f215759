import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseH2load } from './h2load.ts';

const report = (statuses: string): string => `starting benchmark...

finished in 2.00s, 15000.50 req/s, 16.34MB/s
requests: 30001 total, 30321 started, 30001 done, 29991 succeeded, 10 failed, 10 errored, 0 timeout
status codes: ${statuses}
traffic: 32.68MB (34267000) total
`;

test('the report and the log of h2load give rate, percentiles and errors', () => {
  const log = Array.from({ length: 100 }, (_, i) => `1700000000000\t200\t${(i + 1) * 100}\n`).join('');
  const result = parseH2load(report('29989 2xx, 0 3xx, 1 4xx, 1 5xx'), log);
  assert.deepEqual(result, {
    requests: 30001,
    requestsPerSecond: 15000.5,
    p50Ms: 5.1,
    p99Ms: 10,
    errors: 12,
  });
});

test('what is no report is an error', () => {
  assert.throws(() => parseH2load('nothing', ''), /no report/);
});
