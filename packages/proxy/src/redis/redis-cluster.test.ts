import { freePort } from '@lateen/testkit/free-port';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { clusterFromJson, listenerFromJson } from '../testing/envoy-config.ts';
import { portOf, startDataPlane, statOf, tcpUpstream, until, type Closers } from '../testing/harness.ts';
import { slotOf } from './key-hash.ts';
import { RequestReader } from './resp-reader.ts';
import { encodeArray, encodeError, encodeInteger, encodeStatus, encodeString } from './resp-writer.ts';
import { redisClient } from './testing/redis-peers.ts';
import { redisServer, withRedis } from './testing/redis-server.ts';

const types = 'type.googleapis.com/envoy.extensions';

/** A proxy for a Redis Cluster of which these nodes are known. */
async function serve(t: Closers, seeds: readonly number[], settings: object = {}) {
  const dataPlane = startDataPlane(t);
  const cluster = clusterFromJson('shards', seeds, {
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.redis',
      typed_config: {
        '@type': `${types}.clusters.redis.v3.RedisClusterConfig`,
        cluster_refresh_rate: '600s',
        redirect_refresh_threshold: 1,
        redirect_refresh_interval: '0s',
      },
    },
  });
  const listener = listenerFromJson({}, undefined, {
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.redis_proxy',
            typed_config: {
              '@type': `${types}.filters.network.redis_proxy.v3.RedisProxy`,
              stat_prefix: 'main',
              settings: { op_timeout: '5s', enable_redirection: true, ...settings },
              prefix_routes: { catch_all_route: { cluster: 'shards' } },
            },
          },
        ],
      },
    ],
  });
  await dataPlane.prepareCluster(cluster);
  const { refused } = await dataPlane.update({
    clusters: { set: [cluster] },
    listeners: { set: [listener] },
  });
  assert.deepEqual(refused, []);
  return { dataPlane, port: portOf(dataPlane) };
}

/** A node that says what a test wants; collects what it hears. */
async function node(t: Closers, answer: (parts: readonly string[], socket: Socket) => Buffer) {
  const heard: string[] = [];
  const port = await tcpUpstream(t, (socket) => {
    const reader = new RequestReader((parts) => {
      const words = (parts ?? []).map(String);
      heard.push(words.join(' '));
      socket.write(answer(words, socket));
    });
    socket.on('data', (chunk: Buffer) => reader.push(chunk, 0, chunk.length));
    socket.on('end', () => socket.end());
  });
  return { port, heard };
}

const nodeAt = (port: number): Buffer =>
  encodeArray([encodeString('127.0.0.1'), encodeInteger(port), encodeString('id')]);
const range = (start: number, end: number, ...ports: readonly number[]): Buffer =>
  encodeArray([encodeInteger(start), encodeInteger(end), ...ports.map(nodeAt)]);
const isSlots = (parts: readonly string[]): boolean => parts.join(' ') === 'CLUSTER SLOTS';

test('slots of keys are those of the specification, by their tags', () => {
  assert.equal(slotOf(Buffer.from('123456789')), 0x31c3);
  assert.equal(slotOf(Buffer.from('{user1000}.following')), slotOf(Buffer.from('{user1000}.followers')));
  assert.equal(slotOf(Buffer.from('foo{}{bar}')), slotOf(Buffer.from('foo{}{bar}')));
});

test('reads go where the policy says, to a replica that is told of it, and writes to the primary', async (t) => {
  let slots: Buffer = Buffer.alloc(0);
  const answer = (parts: readonly string[]): Buffer => (isSlots(parts) ? slots : encodeStatus('OK'));
  const primary = await node(t, answer);
  const replica = await node(t, answer);
  slots = encodeArray([range(0, 16_383, primary.port, replica.port)]);
  const { port } = await serve(t, [primary.port], { read_policy: 'REPLICA' });
  const client = await redisClient(t, port);
  assert.deepEqual(await client.ask('SET a 1', 'GET a'), ['+OK', '+OK']);
  assert.deepEqual(primary.heard, ['CLUSTER SLOTS', 'READONLY', 'SET a 1']);
  assert.deepEqual(replica.heard, ['READONLY', 'GET a']);
});

test('a request follows a slot that moves, and its new place is asked for', async (t) => {
  let moved: 'no' | 'ask' | 'moved' = 'no';
  let slots: Buffer = Buffer.alloc(0);
  const slot = slotOf(Buffer.from('a'));
  const old = await node(t, (parts) => {
    if (isSlots(parts)) return slots;
    if (moved === 'ask') return encodeError(`ASK ${slot} 127.0.0.1:${next.port}`);
    return moved === 'moved' ? encodeError(`MOVED ${slot} 127.0.0.1:${next.port}`) : encodeString('old');
  });
  const next = await node(t, (parts) =>
    isSlots(parts) ? slots : parts[0] === 'asking' ? encodeStatus('OK') : encodeString('new'),
  );
  slots = encodeArray([range(0, 16_382, old.port), range(16_383, 16_383, next.port)]);
  const { dataPlane, port } = await serve(t, [old.port]);
  const client = await redisClient(t, port);
  assert.deepEqual(await client.ask('GET a'), ['$3 old']);
  moved = 'ask';
  assert.deepEqual(await client.ask('GET a'), ['$3 new']);
  assert.deepEqual(
    next.heard.filter((line) => line !== 'CLUSTER SLOTS'),
    ['asking', 'GET a'],
  );
  moved = 'moved';
  slots = encodeArray([range(0, 16_383, next.port)]);
  assert.deepEqual(await client.ask('GET a'), ['$3 new']);
  await until(() => statOf(dataPlane, 'cluster.shards.membership_total') === 1);
  const before = old.heard.length;
  assert.deepEqual(await client.ask('GET a'), ['$3 new']);
  assert.equal(old.heard.length, before);
});

test('a request follows to a node that the cluster does not know, as many of them at a time as may be', async (t) => {
  const sockets: Socket[] = [];
  let slots: Buffer = Buffer.alloc(0);
  const old = await node(t, (parts) => {
    const port = parts[1] === 'a' ? next.port : parts[1] === 'b' ? other.port : undefined;
    if (isSlots(parts)) return slots;
    return encodeError(port === undefined ? 'MOVED 1 elsewhere' : `MOVED 1 127.0.0.1:${port}`);
  });
  const next = await node(t, (_parts, socket) => {
    sockets.push(socket);
    return encodeString('new');
  });
  const other = await node(t, () => encodeString('other'));
  slots = encodeArray([range(0, 16_383, old.port)]);
  const { dataPlane, port } = await serve(t, [old.port], { max_upstream_unknown_connections: 1 });
  const client = await redisClient(t, port);
  assert.deepEqual(await client.ask('GET a', 'GET a'), ['$3 new', '$3 new']);
  assert.deepEqual(await client.ask('GET b'), [`-MOVED 1 127.0.0.1:${other.port}`]);
  assert.deepEqual(await client.ask('GET c'), ['-MOVED 1 elsewhere']);
  const stats = (): readonly number[] =>
    [
      'upstream_internal_redirect_succeeded_total',
      'upstream_internal_redirect_failed_total',
      'redis_cluster.max_upstream_unknown_connections_reached',
    ].map((name) => statOf(dataPlane, `cluster.shards.${name}`));
  assert.deepEqual(stats(), [2, 2, 1]);
  // One that is over makes room.
  sockets[0]?.end();
  await until(() => statOf(dataPlane, 'cluster.shards.upstream_cx_active') === 1);
  assert.deepEqual(await client.ask('GET b'), ['$5 other']);
  assert.deepEqual(stats(), [3, 2, 1]);
});

test('redirections do not interrupt a question that they have led to', async (t) => {
  let slots: Buffer = Buffer.alloc(0);
  const late: Socket[] = [];
  let questions = 0;
  const old = await node(t, (parts, socket) => {
    if (!isSlots(parts)) return encodeError(`MOVED ${slotOf(Buffer.from('a'))} 127.0.0.1:${next.port}`);
    if (++questions > 1) late.push(socket);
    return questions > 1 ? Buffer.alloc(0) : slots;
  });
  const next = await node(t, () => encodeString('new'));
  slots = encodeArray([range(0, 16_382, old.port), range(16_383, 16_383, next.port)]);
  const { dataPlane, port } = await serve(t, [old.port]);
  const client = await redisClient(t, port);
  for (let i = 0; i < 5; i++) assert.deepEqual(await client.ask('GET a'), ['$3 new']);
  await until(() => late.length > 0);
  for (let i = 0; i < 5; i++) assert.deepEqual(await client.ask('GET a'), ['$3 new']);
  assert.equal(questions, 2);
  late[0]?.write(encodeArray([range(0, 16_383, next.port)]));
  await until(() => statOf(dataPlane, 'cluster.shards.membership_total') === 1);
});

test('nodes that the cluster calls by names are found, and a slot that moves to one', async (t) => {
  const slot = slotOf(Buffer.from('a'));
  const named = (name: string, port: number): Buffer =>
    encodeArray([encodeString(name), encodeInteger(port), encodeString('id')]);
  const rangeOf = (start: number, end: number, ...nodes: readonly Buffer[]): Buffer =>
    encodeArray([encodeInteger(start), encodeInteger(end), ...nodes]);
  let slots: Buffer = Buffer.alloc(0);
  const old = await node(t, (parts) =>
    isSlots(parts) ? slots : encodeError(`MOVED ${slot} localhost:${next.port}`),
  );
  const next = await node(t, (parts) => (isSlots(parts) ? slots : encodeString('new')));
  slots = encodeArray([
    rangeOf(0, 16_382, named('localhost', old.port), named('nobody.invalid', 1)),
    rangeOf(16_383, 16_383, named('localhost', next.port)),
  ]);
  const { dataPlane, port } = await serve(t, [old.port]);
  // The replica whose name nobody knows is left out.
  assert.equal(statOf(dataPlane, 'cluster.shards.membership_total'), 2);
  const client = await redisClient(t, port);
  assert.deepEqual(await client.ask('GET a'), ['$3 new']);
  assert.deepEqual(
    old.heard.filter((line) => line !== 'CLUSTER SLOTS'),
    ['GET a'],
  );
});

test('slots are not taken where the name of a primary has no address', async (t) => {
  const slots = encodeArray([
    encodeArray([
      encodeInteger(0),
      encodeInteger(16_383),
      encodeArray([encodeString('nobody.invalid'), encodeInteger(1), encodeString('id')]),
    ]),
  ]);
  const only = await node(t, () => slots);
  const { dataPlane } = await serve(t, [only.port]);
  assert.equal(statOf(dataPlane, 'cluster.shards.update_failure'), 1);
});

/** A node of a Redis Cluster. */
const clusterServer = async (t: Closers): Promise<number> =>
  redisServer(t, ['--cluster-enabled', 'yes', '--cluster-port', `${await freePort()}`]);

test('a Redis Cluster serves its keys through the proxy as they lie on its nodes', withRedis, async (t) => {
  const ports = [await clusterServer(t), await clusterServer(t), await clusterServer(t)];
  const cli = (port: number, ...args: readonly string[]): string =>
    spawnSync('redis-cli', ['-p', `${port}`, ...args], { encoding: 'utf8' }).stdout.trim();
  const made = spawnSync(
    'redis-cli',
    ['--cluster', 'create', ...ports.map((port) => `127.0.0.1:${port}`), '--cluster-yes'],
    { encoding: 'utf8' },
  );
  assert.equal(made.status, 0, made.stdout + made.stderr);
  for (const port of ports) while (!cli(port, 'cluster', 'info').includes('cluster_state:ok'));
  const { dataPlane, port } = await serve(t, [ports[0] as number]);
  assert.equal(statOf(dataPlane, 'cluster.shards.membership_total'), 3);
  const client = await redisClient(t, port);
  const keys = Array.from({ length: 60 }, (_, i) => `key${i}`);
  assert.deepEqual(
    await client.ask(...keys.map((key) => `SET ${key} of-${key}`)),
    keys.map(() => '+OK'),
  );
  const sizes = ports.map((one) => Number(cli(one, 'dbsize')));
  assert.equal(
    sizes.reduce((sum, one) => sum + one),
    60,
  );
  assert.ok(
    sizes.every((size) => size > 5),
    sizes.join(),
  );
  assert.deepEqual(
    await client.ask(...keys.map((key) => `GET ${key}`)),
    keys.map((key) => `$${key.length + 3} of-${key}`),
  );
  assert.deepEqual(await client.ask('MGET key1 nothing key2'), ['*3 $7 of-key1 $-1 $7 of-key2']);
});
