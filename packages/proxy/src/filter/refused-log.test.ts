import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultForward, defaultRoute } from '../model/index.ts';
import { ask, cluster, exchangeRaw, keptAccessLog, serveHttp, upstream } from '../testing/harness.ts';

test('the log says nothing of an earlier request where one cannot be read', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end());
  const log = keptAccessLog('%RESPONSE_CODE% %REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %REQ(X-SECRET)%');
  const { port } = await serveHttp(
    t,
    [defaultRoute(defaultForward('up'))],
    [cluster('up', [up])],
    { accessLogs: log.accessLogs },
    log.options,
  );
  const earlier = { method: 'PUT', headers: { host: 'other', 'x-secret': 'a' } };
  await Promise.all([ask(port, '/secret', earlier), ask(port, '/secret', earlier)]);
  await exchangeRaw(port, 'GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1, 2\r\n\r\n');
  assert.deepEqual(log.lines, ['200 PUT /secret other a', '200 PUT /secret other a', '400 - - - -']);
});
