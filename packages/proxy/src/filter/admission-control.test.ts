import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, statOf, upstream, type Closers } from '../testing/harness.ts';
import { askHttp2, http2Client, http2Cluster, http2Upstream } from '../testing/http2-peers.ts';
import type { Cluster } from '../model/index.ts';

const all = { match: { prefix: '/' }, route: { cluster: 'up' } };
const healthCheck = {
  name: 'health',
  typed_config: {
    '@type': `${filterTypes}.health_check.v3.HealthCheck`,
    pass_through_mode: true,
    headers: [{ name: ':path', string_match: { exact: '/health' } }],
  },
};

async function serve(t: Closers, up: Cluster, more: object = {}, random = 0.5) {
  const served = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      http_filters: [
        healthCheck,
        {
          name: 'admission',
          typed_config: {
            '@type': `${filterTypes}.admission_control.v3.AdmissionControl`,
            success_criteria: {},
            ...more,
          },
        },
        routerJson,
      ],
    },
    [up],
    { random: () => random },
  );
  const counted = () =>
    ['rq_rejected', 'rq_success', 'rq_failure'].map((name) =>
      statOf(served.dataPlane, `http.http.admission_control.${name}`),
    );
  return { ...served, counted };
}

test('requests are refused while too many fail, and what is refused or a health check counts for nothing', async (t) => {
  const { port: up } = await upstream(t, (request, response) =>
    response.writeHead(request.url === '/good' ? 200 : 500).end(),
  );
  const { port, counted } = await serve(t, clusterFromJson('up', [up]));
  assert.equal((await ask(port, '/good')).status, 200);
  // One of three is the first time that the excess is more than a half: 3 - 1 / 0.95 of 4 is 0.487.
  for (const status of [500, 500, 500]) assert.equal((await ask(port, '/bad')).status, status);
  // Of 5 it is 4 - 1 / 0.95, which is 0.589.
  const refused = await ask(port, '/good');
  assert.deepEqual([refused.status, refused.body], [503, '']);
  assert.equal((await ask(port, '/health')).status, 500);
  assert.deepEqual(counted(), [1, 1, 3]);
});

test('the results of gRPC are in its trailers, and may be any that are asked for', async (t) => {
  const up = await http2Upstream(t, (stream, headers) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(headers['x-status']) }));
    stream.end('x');
  });
  const own = { success_criteria: { grpc_criteria: { grpc_success_status: [0, 13] } } };
  for (const [more, expected] of [
    [{}, [0, 2, 1]],
    [own, [0, 2, 1]],
  ] as const) {
    const { port, counted } = await serve(t, http2Cluster('up', [up.port]), more, 0.99);
    const client = await http2Client(t, port);
    for (const status of [0, 13, more === own ? 14 : 5]) {
      const headers = { ':path': '/s/m', ':method': 'POST', 'content-type': 'application/grpc' };
      await askHttp2(client, { ...headers, 'x-status': String(status) });
    }
    assert.deepEqual(counted(), expected);
  }
});

test('it is off where the switch is, and while few requests come', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.writeHead(500).end());
  for (const more of [
    { enabled: { default_value: false, runtime_key: 'x' } },
    { rps_threshold: { default_value: 5, runtime_key: 'x' } },
  ]) {
    const { port, counted } = await serve(t, clusterFromJson('up', [up]), more, 0);
    for (let i = 0; i < 4; i++) assert.equal((await ask(port)).status, 500);
    assert.equal(counted()[0], 0);
  }
});

test('what cannot be is refused by its name', async (t) => {
  const bad = {
    success_criteria: { http_criteria: { http_success_status: [{ start: 50, end: 70 }] } },
    sr_threshold: { default_value: { value: 0.5 }, runtime_key: 'x' },
  };
  await assert.rejects(serve(t, clusterFromJson('up', []), bad), /sr_threshold.*http_success_status\[0\]/);
});
