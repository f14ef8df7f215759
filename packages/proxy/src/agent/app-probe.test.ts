import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { portOfServer, until } from '../testing/harness.ts';
import { parseAppProbers, probeApp } from './app-probe.ts';
import { mergedMetrics } from './merged-metrics.ts';

test('a probe of an application whose answer has no end leaves no connection behind', async (t) => {
  let open = 0;
  const server = createServer((_request, response) => {
    const more = setInterval(() => response.write('x'.repeat(4_096)), 1);
    response.on('close', () => clearInterval(more));
  });
  server.on('connection', (socket) => {
    open++;
    socket.on('close', () => open--);
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const json = { '/app-health/a/readyz': { httpGet: { port: portOfServer(server), path: '/' } } };
  const probes = parseAppProbers(JSON.stringify(json));
  assert.ok(probes.ok);
  const [probe] = probes.value.values();
  assert.ok(probe);
  assert.deepEqual(await probeApp(probe, {}), { status: 200, body: '' });
  await until(() => open === 0);
});

test('annotations that name no port, or a path with blanks, cost the metrics of the application only', async () => {
  const stats = () => Promise.resolve({ prometheus: () => 'envoy_x 1\n' } as never);
  for (const target of [
    { scrape: 'true', port: 'http' },
    { scrape: 'true', port: '99999' },
    { scrape: 'true', port: '1', path: '/a b' },
  ])
    assert.equal(await mergedMetrics(stats, JSON.stringify(target))(), 'envoy_x 1\n');
});
