import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { clusterFromJson } from '../testing/envoy-config.ts';
import { ask, routeTo, serveHttp, upstream, type Closers } from '../testing/harness.ts';
import { serverResolver } from './server-resolver.ts';

const recordTypes = { a: 1, aaaa: 28 } as const;

/** A name server that knows addresses of one name; answers with its port and the names that it was asked for. */
async function nameServer(
  t: Closers,
  name: string,
  known: Partial<Record<keyof typeof recordTypes, readonly (readonly number[])[]>>,
  ttlSeconds = 30,
): Promise<{ readonly port: number; readonly asked: string[] }> {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = query.readUInt16BE(at + 1);
    asked.push(labels.join('.'));
    const found =
      labels.join('.') !== name ? undefined : type === recordTypes.a ? (known.a ?? []) : (known.aaaa ?? []);
    const head = Buffer.from(query.subarray(0, at + 5));
    // An answer of an authority; the name does not exist where it is another one.
    head.writeUInt16BE(found === undefined ? 0x8483 : 0x8480, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(found?.length ?? 0, 6);
    head.writeUInt32BE(0, 8);
    const records = (found ?? []).map((address) => {
      const record = Buffer.alloc(12);
      record.writeUInt16BE(0xc00c, 0);
      record.writeUInt16BE(type, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(ttlSeconds, 6);
      record.writeUInt16BE(address.length, 10);
      return Buffer.concat([record, Buffer.from(address)]);
    });
    socket.send(Buffer.concat([head, ...records]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return { port: socket.address().port, asked };
}

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
    const { dataPlane, port: listener } = await serveHttp(t, [routeTo('up')], [model]);
    await dataPlane.whenResolved();
    assert.equal((await ask(listener)).body, 'here');
    assert.deepEqual(
      asked,
      Array.from({ length: i + 1 }, () => 'app.test'),
    );
  }
});
