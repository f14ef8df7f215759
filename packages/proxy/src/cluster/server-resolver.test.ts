import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson } from '../testing/envoy-config.ts';
import { ask, putWhenKnown, routeTo, serveHttp, upstream } from '../testing/harness.ts';
import { nameServer } from '../testing/name-server.ts';
import { serverResolver } from './server-resolver.ts';

const four = [10, 0, 0, 7];
const six = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

test('name servers tell addresses of the families that are wanted, and how long they hold', async (t) => {
  const { port } = await nameServer(t, 'both.test', { a: [four], aaaa: [six] });
  const resolve = serverResolver([`127.0.0.1:${port}`]);
  const addressesOf = async (family: Parameters<typeof resolve>[1]): Promise<readonly string[]> =>
    (await resolve('both.test', family, true)).addresses;
  assert.deepEqual(await addressesOf('v4_only'), ['10.0.0.7']);
  assert.deepEqual(await addressesOf('v6_only'), ['fd00::7']);
  assert.deepEqual(await addressesOf('auto'), ['fd00::7']);
  assert.deepEqual(await addressesOf('v4_preferred'), ['10.0.0.7']);
  assert.deepEqual(await addressesOf('all'), ['fd00::7', '10.0.0.7']);
  assert.equal((await resolve('both.test', 'v4_only', true)).ttlMs, 30_000);
  await assert.rejects(resolve('other.test', 'auto', true), /ENOTFOUND/);
});

test('a family that the name does not have gives way to the other one', async (t) => {
  const { port } = await nameServer(t, 'four.test', { a: [four] });
  const resolve = serverResolver([`127.0.0.1:${port}`]);
  assert.deepEqual((await resolve('four.test', 'auto', false)).addresses, ['10.0.0.7']);
  await assert.rejects(resolve('four.test', 'v6_only', false), /know no address of four\.test/);
});

test('a cluster asks the name servers that it names, in each of the ways to name them', async (t) => {
  const app = await upstream(t, (_request, response) => response.end('here'));
  const { port, asked } = await nameServer(t, 'app.test', { a: [[127, 0, 0, 1]] });
  const resolvers = [{ socket_address: { address: '127.0.0.1', port_value: port } }];
  const cares = {
    name: 'envoy.network.dns_resolver.cares',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
      resolvers,
      dns_resolver_options: { no_default_search_domain: true },
    },
  };
  const ways = [
    { dns_resolvers: resolvers },
    { dns_resolution_config: { resolvers } },
    { typed_dns_resolver_config: cares },
  ];
  for (const [i, way] of ways.entries()) {
    const model = clusterFromJson('up', [], {
      type: 'STRICT_DNS',
      dns_lookup_family: 'V4_ONLY',
      load_assignment: {
        cluster_name: 'up',
        endpoints: [
          {
            lb_endpoints: [
              { endpoint: { address: { socket_address: { address: 'app.test', port_value: app.port } } } },
            ],
          },
        ],
      },
      ...way,
    });
    const { dataPlane, port: listener } = await serveHttp(t, [routeTo('up')], []);
    await putWhenKnown(dataPlane, model);
    assert.equal((await ask(listener)).body, 'here');
    assert.deepEqual(
      asked,
      Array.from({ length: i + 1 }, () => 'app.test'),
    );
  }
});
