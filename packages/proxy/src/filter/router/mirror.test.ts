import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { clusterFromJson, routesJson, serveEnvoy } from '../../testing/envoy-config.ts';
import { ask, statOf, until, upstream } from '../../testing/harness.ts';
import { askHttp2, http2Client, http2Cluster, http2Upstream } from '../../testing/http2-peers.ts';

const mirrored = routesJson([
  {
    match: { prefix: '/' },
    route: { cluster: 'up', timeout: '0.05s', request_mirror_policies: [{ cluster: 'mirror' }] },
  },
]);
const oneRequest = { circuit_breakers: { thresholds: [{ max_requests: 1 }] } };

test('a copy counts in its cluster as any request, and against its limit', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('hello'));
  const held: ServerResponse[] = [];
  const { port: mirror } = await upstream(t, (_request, response) => void held.push(response));
  const routes = routesJson([
    { match: { prefix: '/' }, route: { cluster: 'up', request_mirror_policies: [{ cluster: 'mirror' }] } },
  ]);
  const { port, dataPlane } = await serveEnvoy(t, { route_config: routes }, [
    clusterFromJson('up', [up]),
    clusterFromJson('mirror', [mirror], oneRequest),
  ]);
  const counted = (name: string): number => statOf(dataPlane, `cluster.mirror.upstream_rq_${name}`);
  assert.equal((await ask(port)).body, 'hello');
  await until(() => held.length === 1);
  assert.deepEqual([counted('total'), counted('active')], [1, 1]);
  assert.equal((await ask(port)).body, 'hello');
  await until(() => counted('active_overflow') === 1);
  assert.deepEqual([counted('total'), counted('5xx'), held.length], [1, 1, 1]);
  held[0]?.end('nobody reads this');
  await until(() => counted('active') === 0);
  assert.equal(counted('2xx'), 1);
  assert.equal((await ask(port)).body, 'hello');
  await until(() => held.length === 2);
});

test('a copy of a gRPC request says that it takes trailers, as the original does', async (t) => {
  const seen: unknown[] = [];
  const servers = await Promise.all(
    ['up', 'mirror'].map(async (name) => {
      const { port } = await http2Upstream(t, (stream, { te }) => {
        seen.push(te);
        stream.respond({ ':status': 200 });
        stream.end();
      });
      return http2Cluster(name, [port]);
    }),
  );
  const { port } = await serveEnvoy(t, { route_config: mirrored }, servers);
  const client = await http2Client(t, port);
  await askHttp2(client, { ':method': 'POST', ':path': '/', te: 'trailers' }, 'x');
  await until(() => seen.length === 2);
  assert.deepEqual(seen, ['trailers', 'trailers']);
});

test('a copy that is not answered ends with the time of the route', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('hello'));
  const { port: mirror } = await upstream(t, () => {});
  const { port, dataPlane } = await serveEnvoy(t, { route_config: mirrored }, [
    clusterFromJson('up', [up]),
    clusterFromJson('mirror', [mirror], oneRequest),
  ]);
  const counted = (name: string): number => statOf(dataPlane, `cluster.mirror.upstream_rq_${name}`);
  assert.equal((await ask(port)).body, 'hello');
  await until(() => counted('timeout') === 1);
  assert.deepEqual([counted('active'), counted('504')], [0, 1]);
});
