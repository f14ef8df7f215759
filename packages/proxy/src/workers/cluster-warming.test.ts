import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { freePort } from '@lateen/testkit/free-port';
import { bytesOf, deltaControlPlane } from '../testing/delta-control-plane.ts';
import { deltaAds } from '../testing/bootstrapped-proxy.ts';
import { until, upstream } from '../testing/harness.ts';
import {
  admin,
  askOften,
  endpointsAt,
  httpChain,
  logged,
  socketAddress,
  start,
  statistic,
  types,
} from '../testing/program.ts';

test('a new version of a cluster serves in all threads when the first one has checked its hosts', async (t) => {
  const held: ServerResponse[] = [];
  const { port: old } = await upstream(t, (_request, response) => response.end('old'));
  const { port: next } = await upstream(t, ({ url }, response) => {
    if (url === '/health') held.push(response);
    else response.end('next');
  });
  const control = await deltaControlPlane();
  t.after(() => control.close());
  const put = (version: string, json: object): void =>
    control.set({
      typeUrl: Cluster.typeUrl,
      name: 'up',
      version,
      bytes: bytesOf(Cluster, { name: 'up', ...json }),
    });
  put('1', { load_assignment: endpointsAt('up', old) });
  const port = await freePort();
  const child = start(
    t,
    {
      node: { id: 'me' },
      admin,
      dynamic_resources: { cds_config: { ads: {} }, ads_config: deltaAds('xds') },
      static_resources: {
        listeners: [
          {
            name: 'main',
            address: socketAddress(port),
            filter_chains: [
              httpChain({
                route_config: {
                  validate_clusters: false,
                  virtual_hosts: [
                    {
                      name: 'all',
                      domains: ['*'],
                      routes: [{ match: { prefix: '/' }, route: { cluster: 'up' } }],
                    },
                  ],
                },
              }),
            ],
          },
        ],
        clusters: [
          {
            name: 'xds',
            load_assignment: endpointsAt('xds', control.port),
            typed_extension_protocol_options: {
              'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
                '@type': `${types}.extensions.upstreams.http.v3.HttpProtocolOptions`,
                explicit_http_config: { http2_protocol_options: {} },
              },
            },
          },
        ],
      },
    },
    '--concurrency',
    '3',
  );
  const at = await logged(child, /admin address: (\S+)/);
  await logged(child, /warming cluster up complete/, 3);
  const url = `http://127.0.0.1:${port}/`;
  const bodies = async (): Promise<ReadonlySet<string>> =>
    new Set((await askOften(url, 30)).map(({ body }) => body));
  assert.deepEqual(await bodies(), new Set(['old']));
  put('2', {
    load_assignment: endpointsAt('up', next),
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    health_checks: [
      {
        timeout: '60s',
        interval: '60s',
        healthy_threshold: 1,
        unhealthy_threshold: 1,
        http_health_check: { path: '/health' },
      },
    ],
  });
  await until(() => held.length > 0);
  await logged(child, /add\/update cluster up starting warming/, 6);
  assert.deepEqual(await bodies(), new Set(['old']));
  assert.equal(held.length, 1);
  held[0]?.end();
  await logged(child, /warming cluster up complete/, 6);
  assert.deepEqual(await bodies(), new Set(['next']));
  assert.equal(await statistic(at, 'cluster.up.health_check.attempt'), 1);
});
