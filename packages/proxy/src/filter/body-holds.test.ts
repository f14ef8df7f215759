import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, statOf, until, upstream, type Closers } from '../testing/harness.ts';

const bodyBytes = 16 * 1024 * 1024;

/** A body passes `slow` after `fast`: the first lets 64 KiB go on in 100 ms, the second 1 KiB. */
async function serve(t: Closers, mode: 'REQUEST' | 'RESPONSE') {
  const clock = new TestClock();
  const { port: up } = await upstream(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end(request.url === '/big' ? Buffer.alloc(bodyBytes) : 'small'));
  });
  const limit = (name: string, limit_kbps: number) => ({
    name,
    typed_config: {
      '@type': `${filterTypes}.bandwidth_limit.v3.BandwidthLimit`,
      stat_prefix: name,
      enable_mode: mode,
      limit_kbps,
      fill_interval: '0.1s',
    },
  });
  const limits = [limit('fast', 320), limit('slow', 10)];
  const { dataPlane, port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        { match: { prefix: '/big' }, route: { cluster: 'up' } },
        { match: { prefix: '/' }, route: { cluster: 'side' } },
      ]),
      http_filters: [
        // Those of answers are called from the last on.
        ...(mode === 'REQUEST' ? limits : limits.toReversed()),
        routerJson,
      ],
    },
    [clusterFromJson('up', [up]), clusterFromJson('side', [up])],
    { clock },
  );
  const side = await serveEnvoy(
    t,
    { route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'side' } }]) },
    [clusterFromJson('side', [up])],
  );
  /** Time goes on, and all that could be read for it is. */
  const pass = async (ticks: number): Promise<void> => {
    for (let i = 0; i < ticks; i++) {
      clock.advance(100);
      await ask(side.port);
    }
  };
  return { port, dataPlane, pass };
}

test('an answer stays held back by one filter when another that waits lets it go on', async (t) => {
  const { port, dataPlane, pass } = await serve(t, 'RESPONSE');
  const request = httpRequest({ host: '127.0.0.1', port, path: '/big', agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await pass(30);
  const read = statOf(dataPlane, 'cluster.up.upstream_cx_rx_bytes_total');
  assert.ok(read < 256 * 1024, `${read} bytes were read of which 31 KiB could go on`);
  request.destroy();
});

test('a request stays held back by one filter when another that waits lets it go on', async (t) => {
  const { port, dataPlane, pass } = await serve(t, 'REQUEST');
  const request = httpRequest({ host: '127.0.0.1', port, path: '/big', method: 'POST', agent: false });
  request.on('error', () => {});
  request.end(Buffer.alloc(bodyBytes));
  await until(() => statOf(dataPlane, 'slow.http_bandwidth_limit.request_pending') > 0);
  await pass(30);
  const read = statOf(dataPlane, 'http.http.downstream_cx_rx_bytes_total');
  assert.ok(read < 256 * 1024, `${read} bytes were read of which 31 KiB could go on`);
  request.destroy();
});
