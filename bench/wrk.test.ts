import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWrk } from './wrk.ts';

test("wrk's report is read, whatever units it uses", () => {
  const report = `Running 4s test @ http://127.0.0.1:1/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   751.04us    1.02ms  24.01ms   95.57%
  Latency Distribution
     50%  640.00us
     75%    0.90ms
     90%    1.10ms
     99%    1.20s
  161016 requests in 4.02s, 200.10MB read
  Socket errors: connect 0, read 2, write 0, timeout 1
  Non-2xx or 3xx responses: 4
Requests/sec:  40053.12
Transfer/sec:     49.77MB
`;
  assert.deepEqual(parseWrk(report), {
    requests: 161_016,
    requestsPerSecond: 40_053.12,
    p50Ms: 0.64,
    p99Ms: 1200,
    errors: 7,
  });
});
