import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { afterLeadIn, latenciesOf, sendAtConstantRate, type Sent } from './run.ts';

test('percentiles are of all requests, errors of those without 200', () => {
  const sent = Array.from({ length: 100 }, (_, i): Sent => [i, i + 1, i === 3 ? 503 : i === 4 ? 0 : 200, '']);
  assert.deepEqual(latenciesOf(sent), { p50Ms: 51, p90Ms: 91, p99Ms: 100, longestMs: 100, errors: 2 });
});

test('what was due in the lead-in is left out, whenever it was answered', () => {
  const sent: Sent[] = [
    [1500, 2, 200, ''],
    [2000, 1, 200, ''],
    [1000, 1200, 200, ''],
    [1999, 300, 200, ''],
    [2600, 1, 200, ''],
  ];
  assert.deepEqual(
    afterLeadIn(sent, 1).map(([dueMs]) => dueMs),
    [2000, 2600],
  );
  assert.equal(afterLeadIn(sent, 0).length, 5);
});

test('requests go on being due while an answer is late, and wait for it', async (t) => {
  let asked = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      asked += 1;
      // The first is answered when the client has had time to fall due many times.
      if (asked === 1) setTimeout(() => socket.write(answer), 500);
      else socket.write(answer);
    });
  });
  const answer = 'HTTP/1.1 200 OK\r\nx-mark: a\r\ncontent-length: 2\r\n\r\nok';
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const sent = await sendAtConstantRate({
    port: (server.address() as AddressInfo).port,
    ratePerSecond: 200,
    seconds: 0.2,
    connections: 1,
    request: 'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
    markHeader: 'x-mark',
  });
  assert.equal(sent.length, 40);
  assert.ok(sent.every(([, , status, mark]) => status === 200 && mark === 'a'));
  // Requests were due in a row, not each after the one before it was answered.
  const span = (sent.at(-1)?.[0] ?? 0) - (sent[0]?.[0] ?? 0);
  const waited = sent.filter(([, latencyMs], i) => i > 0 && latencyMs > (sent[i + 1]?.[1] ?? 0));
  assert.ok(waited.length > 20, `waited: ${waited.length}, span ${span}`);
});
