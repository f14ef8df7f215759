import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import type { Cluster } from '../model/index.ts';
import type { DataPlane, DataPlaneOptions } from '../data-plane.ts';
import { clusterFromJson, listenerFromJson } from '../testing/envoy-config.ts';
import { portOf, startDataPlane, statOf, until, type Closers } from '../testing/harness.ts';
import { fakeRedis, redisClient } from './testing/redis-peers.ts';
import { redisServer, withRedis } from './testing/redis-server.ts';

const type = 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy';
const ring = { lb_policy: 'RING_HASH' };
const toAll = { prefix_routes: { catch_all_route: { cluster: 'shards' } } };

async function serve(
  test: Closers,
  clusters: readonly Cluster[],
  filter: object = toAll,
  options: DataPlaneOptions = {},
): Promise<{ dataPlane: DataPlane; port: number }> {
  const dataPlane = startDataPlane(test, options);
  const listener = listenerFromJson({}, undefined, {
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.redis_proxy',
            typed_config: { '@type': type, stat_prefix: 'main', settings: { op_timeout: '5s' }, ...filter },
          },
        ],
      },
    ],
  });
  const { refused } = await dataPlane.update({ clusters: { set: clusters }, listeners: { set: [listener] } });
  assert.deepEqual(refused, []);
  return { dataPlane, port: portOf(dataPlane) };
}

async function shards(test: Closers, count: number) {
  const all = await Promise.all(Array.from({ length: count }, () => fakeRedis(test)));
  return {
    all,
    cluster: clusterFromJson(
      'shards',
      all.map(({ port }) => port),
      ring,
    ),
  };
}

test('keys are spread over endpoints, each always on the same one, and answers come in their order', async (t) => {
  const { all, cluster } = await shards(t, 3);
  const { dataPlane, port } = await serve(t, [cluster]);
  const client = await redisClient(t, port);
  const keys = Array.from({ length: 60 }, (_, i) => `key${i}`);
  assert.deepEqual(
    await client.ask(...keys.map((key) => `SET ${key} of-${key}`)),
    keys.map(() => '+OK'),
  );
  const other = await redisClient(t, port);
  assert.deepEqual(
    await other.ask(...keys.map((key) => `get ${key}`)),
    keys.map((key) => `$${key.length + 3} of-${key}`),
  );
  const counts = all.map(({ data }) => data.size);
  assert.equal(
    counts.reduce((a, b) => a + b),
    60,
  );
  assert.ok(
    counts.every((count) => count > 5),
    counts.join(),
  );
  // Both clients came by one connection to each endpoint.
  assert.ok(all.every(({ heard }) => heard.every((line) => line.startsWith('1: '))));
  assert.equal(statOf(dataPlane, 'redis.main.command.set.success'), 60);
  assert.equal(statOf(dataPlane, 'redis.main.command.get.total'), 60);
  assert.equal(statOf(dataPlane, 'redis.main.downstream_rq_total'), 120);
  assert.equal(statOf(dataPlane, 'redis.main.downstream_rq_active'), 0);
  assert.equal(statOf(dataPlane, 'cluster.shards.upstream_rq_total'), 120);
  assert.equal(statOf(dataPlane, 'cluster.shards.upstream_rq_active'), 0);
});

test('commands of many keys are split, and their answers put together', async (t) => {
  const { all, cluster } = await shards(t, 3);
  const { port } = await serve(t, [cluster]);
  const client = await redisClient(t, port);
  assert.deepEqual(
    await client.ask(
      'MSET a 1 b 2 c 3 d 4',
      'MGET a no b c d',
      'EXISTS a b no',
      'DEL a b no',
      'EXISTS a b c d',
    ),
    ['+OK', '*5 $1 1 $-1 $1 2 $1 3 $1 4', ':2', ':2', ':2'],
  );
  // So many keys that one server cannot have all of them, whatever its port hashes to.
  const many = Array.from({ length: 40 }, (_, i) => `k${i} ${i}`);
  assert.deepEqual(await client.ask(`MSET ${many.join(' ')}`), ['+OK']);
  assert.ok(all.filter(({ heard }) => heard.length > 0).length > 1);
  assert.deepEqual(await client.ask('FLUSHALL', 'EXISTS c d'), ['+OK', ':0']);
  assert.deepEqual(await client.ask('UNLINK c d', 'MSET a'), [
    '-finished with 2 error(s)',
    "-wrong number of arguments for 'MSET' command",
  ]);
});

test('answers of any shape pass, and scripts go where their first key is', async (t) => {
  const { cluster } = await shards(t, 2);
  const { port } = await serve(t, [cluster]);
  const client = await redisClient(t, port);
  assert.deepEqual(
    await client.ask('HGETALL h', 'EVAL text 1 k', 'INCR n', 'SET s x', 'INCR s', 'EVAL text 0'),
    [
      '*2 $5 field *2 :1 $-1',
      '$12 script for k',
      ':1',
      '+OK',
      '-ERR value is not an integer or out of range',
      "-wrong number of arguments for 'EVAL' command",
    ],
  );
});

test('hash tags bring keys together where they are asked for', async (t) => {
  const { all, cluster } = await shards(t, 3);
  const { port } = await serve(t, [cluster], {
    settings: { op_timeout: '5s', enable_hashtagging: true },
    ...toAll,
  });
  const client = await redisClient(t, port);
  await client.ask(...Array.from({ length: 30 }, (_, i) => `SET {user1}:${i} x`));
  assert.deepEqual(
    all.map(({ data }) => data.size).sort((a, b) => a - b),
    [0, 0, 30],
  );
});

test('the proxy answers by itself what concerns no key, and says what it does not know', async (t) => {
  const { all, cluster } = await shards(t, 1);
  const { dataPlane, port } = await serve(t, [cluster]);
  const client = await redisClient(t, port);
  const [ping, named, echo, time, bad, none, wrong] = await client.ask(
    'PING',
    'PING hi',
    'ECHO hi',
    'TIME',
    'SUBSCRIBE news now',
    'GET',
    'CONFIG',
  );
  assert.deepEqual([ping, named, echo], ['+PONG', '+PONG', '$2 hi']);
  assert.match(time ?? '', /^\*2 \$10 \d{10} \$\d \d+$/);
  assert.equal(bad, "-ERR unknown command 'SUBSCRIBE', with args beginning with: news");
  assert.equal(none, '-invalid request');
  assert.match(wrong ?? '', /^-ERR unknown command 'CONFIG'/);
  assert.deepEqual(all[0]?.heard, []);
  assert.equal(statOf(dataPlane, 'redis.main.splitter.unsupported_command'), 2);
  assert.equal(statOf(dataPlane, 'redis.main.splitter.invalid_request'), 1);
  assert.deepEqual(await client.ask('GET a', 'QUIT'), ['$-1', '+OK']);
  assert.deepEqual(await client.ended(), []);
});

test('what is no Redis is told so and closed', async (t) => {
  const { cluster } = await shards(t, 1);
  const { dataPlane, port } = await serve(t, [cluster]);
  const client = await redisClient(t, port);
  client.raw('*1\r\n$4\r\nPING\r\nGET / HTTP/1.1\r\n\r\n');
  assert.deepEqual(await client.ended(), ['+PONG', '-downstream protocol error']);
  assert.equal(statOf(dataPlane, 'redis.main.downstream_cx_protocol_error'), 1);
  assert.equal(statOf(dataPlane, 'redis.main.downstream_cx_rx_bytes_buffered'), 0);
  assert.equal(statOf(dataPlane, 'redis.main.downstream_rq_active'), 0);
});

test('prefixes choose the cluster; reads may go elsewhere, and copies too', async (t) => {
  const [users, carts, readers, mirror] = await Promise.all([1, 2, 3, 4].map(() => fakeRedis(t)));
  assert.ok(users !== undefined && carts !== undefined && readers !== undefined && mirror !== undefined);
  const clusters = Object.entries({ users, carts, readers, mirror }).map(([name, { port }]) =>
    clusterFromJson(name, [port], ring),
  );
  const { port } = await serve(t, clusters, {
    prefix_routes: {
      case_insensitive: true,
      routes: [
        { prefix: 'U:', cluster: 'users', remove_prefix: true },
        {
          prefix: 'u:cart:',
          cluster: 'carts',
          read_command_policy: { cluster: 'readers' },
          request_mirror_policy: [{ cluster: 'mirror', exclude_read_commands: true }],
        },
      ],
    },
  });
  readers.data.set('u:cart:1', 'read');
  const client = await redisClient(t, port);
  assert.deepEqual(await client.ask('SET u:1 ann', 'SET u:cart:1 full', 'GET u:cart:1', 'GET x'), [
    '+OK',
    '+OK',
    '$4 read',
    '-no upstream host',
  ]);
  assert.equal(users.data.get('1'), 'ann');
  assert.equal(carts.data.get('u:cart:1'), 'full');
  assert.deepEqual(mirror.heard, ['1: SET u:cart:1 full']);
});

test('a transaction happens on one connection of its own', async (t) => {
  const { all, cluster } = await shards(t, 1);
  const { port } = await serve(t, [cluster]);
  const client = await redisClient(t, port);
  assert.deepEqual(
    await client.ask('GET n', 'WATCH n', 'MULTI', 'MULTI', 'INCR n', 'FLUSHALL', 'INCR n', 'EXEC', 'GET n'),
    [
      '$-1',
      '+OK',
      '+OK',
      '-MULTI calls can not be nested',
      '+QUEUED',
      "-'FLUSHALL' command is not supported within transaction",
      '+QUEUED',
      '*2 :1 :2',
      '$1 2',
    ],
  );
  assert.deepEqual(all[0]?.heard, [
    '1: GET n',
    '2: WATCH n',
    '2: MULTI',
    '2: INCR n',
    '2: INCR n',
    '2: EXEC',
    '1: GET n',
  ]);
  assert.deepEqual(await client.ask('MULTI', 'EXEC', 'EXEC', 'MULTI', 'SET n 9', 'DISCARD', 'GET n'), [
    '+OK',
    '*0',
    '-EXEC without MULTI',
    '+OK',
    '+QUEUED',
    '+OK',
    '$1 2',
  ]);
});

test('a transaction whose endpoint goes away fails, and the next one is made anew', async (t) => {
  const { all, cluster } = await shards(t, 1);
  const { dataPlane, port } = await serve(t, [cluster]);
  const client = await redisClient(t, port);
  const [fake] = all;
  assert.ok(fake !== undefined);
  const lose = async (): Promise<void> => {
    const before = statOf(dataPlane, 'cluster.shards.upstream_cx_destroy_remote');
    for (const socket of fake.sockets) socket.destroy();
    await until(() => statOf(dataPlane, 'cluster.shards.upstream_cx_destroy_remote') > before);
  };
  assert.deepEqual(await client.ask('MULTI', 'SET n 1'), ['+OK', '+QUEUED']);
  await lose();
  assert.deepEqual(await client.ask('SET n 2', 'EXEC'), ['-no upstream host', '-upstream failure']);
  assert.deepEqual(await client.ask('WATCH n'), ['+OK']);
  await lose();
  // What was watched may have changed meanwhile.
  assert.deepEqual(await client.ask('MULTI', 'SET n 3', 'EXEC'), [
    '+OK',
    '-no upstream host',
    '-upstream failure',
  ]);
  assert.deepEqual(await client.ask('MULTI', 'SET n 4', 'EXEC', 'GET n'), [
    '+OK',
    '+QUEUED',
    '*1 +OK',
    '$1 4',
  ]);
  assert.equal(statOf(dataPlane, 'cluster.shards.upstream_rq_active'), 0);
});

test('clients must log in where passwords are set, and endpoints are logged in to', async (t) => {
  const fake = await fakeRedis(t, 'inner');
  const cluster = clusterFromJson('shards', [fake.port], {
    ...ring,
    typed_extension_protocol_options: {
      'envoy.filters.network.redis_proxy': {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProtocolOptions',
        auth_password: { inline_string: 'inner' },
        auth_username: { inline_string: 'mesh' },
      },
    },
  });
  const { port } = await serve(t, [cluster], {
    ...toAll,
    downstream_auth_passwords: [{ inline_string: 'one' }, { inline_string: 'two' }],
  });
  const client = await redisClient(t, port);
  assert.deepEqual(
    await client.ask('GET a', 'PING', 'AUTH three', 'GET a', 'AUTH two', 'GET a', 'AUTH x', 'GET a'),
    [
      '-NOAUTH Authentication required.',
      '-NOAUTH Authentication required.',
      '-ERR invalid password',
      '-NOAUTH Authentication required.',
      '+OK',
      '$-1',
      '-ERR invalid password',
      '-NOAUTH Authentication required.',
    ],
  );
  assert.deepEqual(fake.heard, ['1: auth mesh inner', '1: GET a']);
});

test('faults delay answers or take their place, and are counted', async (t) => {
  const { cluster } = await shards(t, 1);
  const always = { default_value: { numerator: 100 } };
  const { dataPlane, port } = await serve(t, [cluster], {
    ...toAll,
    faults: [
      { fault_type: 'ERROR', fault_enabled: always, commands: ['GET'] },
      { fault_type: 'DELAY', fault_enabled: always, delay: '0.02s', commands: ['incr'] },
    ],
  });
  const client = await redisClient(t, port);
  const startMs = performance.now();
  assert.deepEqual(await client.ask('GET a', 'INCR a', 'SET a b'), ['-Fault Injected: Error', ':1', '+OK']);
  assert.ok(performance.now() - startMs >= 19);
  assert.equal(statOf(dataPlane, 'redis.main.command.get.error_fault'), 1);
  assert.equal(statOf(dataPlane, 'redis.main.command.get.error'), 1);
  assert.equal(statOf(dataPlane, 'redis.main.command.incr.delay_fault'), 1);
  assert.equal(statOf(dataPlane, 'redis.main.command.incr.success'), 1);
});

test('an endpoint that is silent, gone or talks nonsense fails its requests, and the next go by a new connection', async (t) => {
  const { all, cluster } = await shards(t, 1);
  const [fake] = all;
  assert.ok(fake !== undefined);
  const { dataPlane, port } = await serve(t, [cluster], { settings: { op_timeout: '0.05s' }, ...toAll });
  const client = await redisClient(t, port);
  fake.silent = true;
  assert.deepEqual(await client.ask('GET a', 'GET b'), ['-upstream failure', '-upstream failure']);
  assert.equal(statOf(dataPlane, 'cluster.shards.upstream_rq_timeout'), 1);
  const lost = client.ask('GET a');
  await until(() => fake.heard.length >= 3);
  for (const socket of fake.sockets) socket.write('what?\r\n');
  assert.deepEqual(await lost, ['-upstream failure']);
  fake.silent = false;
  assert.deepEqual(await client.ask('GET a'), ['$-1']);
  for (const socket of fake.sockets) socket.destroy();
  await until(() => statOf(dataPlane, 'cluster.shards.upstream_cx_active') === 0);
  assert.deepEqual(await client.ask('GET a'), ['$-1']);
  await dataPlane.update({ clusters: { set: [clusterFromJson('shards', [], ring)] } });
  assert.deepEqual(await client.ask('GET a'), ['-no upstream host']);
});

test('a connection to an endpoint that carries nothing for an hour ends, but not one whose client watches keys', async (t) => {
  const { all, cluster } = await shards(t, 1);
  const clock = new TestClock();
  const { dataPlane, port } = await serve(t, [cluster], toAll, { clock });
  const client = await redisClient(t, port);
  const stat = (name: string): number => statOf(dataPlane, `cluster.shards.${name}`);
  assert.deepEqual(await client.ask('GET a', 'WATCH a'), ['$-1', '+OK']);
  clock.advance(3_000_000);
  assert.deepEqual(await client.ask('GET a'), ['$-1']);
  clock.advance(3_000_000);
  assert.equal(stat('upstream_cx_active'), 2);
  clock.advance(700_000);
  assert.equal(stat('upstream_cx_active'), 1);
  assert.equal(stat('upstream_cx_idle_timeout'), 1);
  assert.equal(stat('upstream_rq_timeout'), 0);
  assert.deepEqual(await client.ask('GET a', 'MULTI', 'SET a 1', 'EXEC'), [
    '$-1',
    '+OK',
    '+QUEUED',
    '*1 +OK',
  ]);
  assert.deepEqual(
    all[0]?.heard.map((line) => line.slice(0, 6)),
    ['1: GET', '2: WAT', '1: GET', '3: GET', '2: MUL', '2: SET', '2: EXE'],
  );
});

test('a client that leaves in the middle leaves nothing behind', async (t) => {
  const { all, cluster } = await shards(t, 1);
  const [fake] = all;
  assert.ok(fake !== undefined);
  const { dataPlane, port } = await serve(t, [cluster]);
  fake.silent = true;
  const client = await redisClient(t, port);
  client.raw('*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGE');
  await until(() => fake.heard.length > 0);
  client.socket.resetAndDestroy();
  await until(() => statOf(dataPlane, 'redis.main.downstream_cx_active') === 0);
  for (const gauge of ['downstream_rq_active', 'downstream_cx_rx_bytes_buffered'])
    assert.equal(statOf(dataPlane, `redis.main.${gauge}`), 0);
});

test('statistics tell what the proxy could not do, not what endpoints refuse', async (t) => {
  const { all, cluster } = await shards(t, 2);
  const { dataPlane, port } = await serve(t, [cluster]);
  const client = await redisClient(t, port);
  const counted = (name: string): number[] =>
    ['total', 'success', 'error'].map((what) => statOf(dataPlane, `redis.main.command.${name}.${what}`));
  // The small Redis does not know UNLINK, nor INCR of what is no number.
  await client.ask('SET s x', 'INCR s', 'UNLINK s', 'MGET s', 'FLUSHALL', 'EVAL s', 'incr');
  assert.deepEqual(counted('incr'), [1, 1, 0]);
  assert.deepEqual(counted('unlink'), [1, 0, 1]);
  assert.deepEqual(counted('mget'), [1, 1, 0]);
  assert.deepEqual(counted('flushall'), [1, 1, 0]);
  assert.deepEqual(counted('eval'), [1, 0, 1]);
  assert.equal(statOf(dataPlane, 'redis.main.splitter.invalid_request'), 1);
  await client.ask('MULTI', 'INCR n', 'MGET n', 'EXEC', 'EXEC');
  assert.deepEqual(counted('multi'), [4, 3, 0]);
  assert.deepEqual(counted('exec'), [1, 0, 0]);
  for (const { data } of all) data.clear();
});

test('what endpoints are sent is counted by cluster where that is asked for', async (t) => {
  const { cluster } = await shards(t, 2);
  const filter = { ...toAll, settings: { op_timeout: '5s', enable_command_stats: true } };
  const { dataPlane, port } = await serve(t, [cluster], filter);
  const client = await redisClient(t, port);
  await client.ask('SET a 1', 'GET a', 'MGET a b', 'LPUSH a 1');
  await client.ask('MULTI');
  await client.ask('SET a 2');
  await client.ask('EXEC');
  const at = 'cluster.shards.redis_cluster.upstream_commands';
  const counts = (command: string): readonly number[] =>
    ['total', 'success', 'failure'].map((name) => statOf(dataPlane, `${at}.${command}.${name}`));
  assert.deepEqual(counts('get'), [3, 3, 0]);
  assert.deepEqual(counts('set'), [2, 2, 0]);
  assert.deepEqual(counts('unknown'), [2, 2, 0]);
  const plain = await serve(t, [cluster]);
  await (await redisClient(t, plain.port)).ask('GET a');
  const names = plain.dataPlane.stats.snapshot().groups.map(({ prefix }) => prefix);
  assert.ok(!names.includes('cluster.shards.redis_cluster.'), `${names}`);
});

test('what endpoints answer alike is said once, and their lists are joined', async (t) => {
  const { all, cluster } = await shards(t, 2);
  const { port } = await serve(t, [cluster]);
  const client = await redisClient(t, port);
  const [one, other] = all;
  assert.ok(one !== undefined && other !== undefined);
  one.data.set('a', '1');
  other.data.set('b', '2');
  const [keys = ''] = await client.ask('KEYS *');
  assert.ok(['*2 $1 a $1 b', '*2 $1 b $1 a'].includes(keys), keys);
  assert.deepEqual(await client.ask('SCRIPT LOAD x'), ['+script']);
  other.data.set('script', 'another');
  assert.deepEqual(await client.ask('SCRIPT LOAD x'), ['-all responses not same']);
  assert.deepEqual(await client.ask('RANDOMKEY', 'OBJECT ENCODING k', 'OBJECT k'), [
    '+a key',
    '+k',
    "-wrong number of arguments for 'OBJECT' command",
  ]);
});

test('clients may greet, log in by it, and say what they are', async (t) => {
  const { cluster } = await shards(t, 1);
  const { port } = await serve(t, [cluster], {
    ...toAll,
    downstream_auth_passwords: [{ inline_string: 'one' }],
  });
  const client = await redisClient(t, port);
  assert.deepEqual(
    await client.ask('HELLO', 'HELLO 3', 'NOPE', 'GET', 'HELLO 2 AUTH default two', 'HELLO 2 what'),
    [
      '-NOAUTH Authentication required.',
      '-NOPROTO unsupported protocol version',
      "-ERR unknown command 'NOPE', with args beginning with:",
      '-NOAUTH Authentication required.',
      '-WRONGPASS invalid username-password pair',
      "-ERR Syntax error: unknown HELLO option 'what'",
    ],
  );
  const [hello = '', ...others] = await client.ask(
    'HELLO 2 AUTH default one SETNAME me',
    'GET a',
    'CLIENT SETINFO LIB-NAME x',
    'CLIENT ID',
  );
  assert.match(hello, /^\*14 .*\$5 proto :2 /);
  assert.deepEqual(others, ['$-1', '+OK', "-ERR CLIENT subcommand 'ID' is not supported by the proxy"]);
});

test('two real servers behind the proxy look like one to redis-cli', withRedis, async (t) => {
  const ports = [await redisServer(t), await redisServer(t)];
  const { port } = await serve(t, [clusterFromJson('shards', ports, ring)]);
  const cli = async (input: string, at = port): Promise<string[]> => {
    const child = spawn('redis-cli', ['-p', `${at}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(input);
    let out = '';
    for await (const text of child.stdout) out += String(text);
    return out.trim().split('\n');
  };
  const sets = Array.from({ length: 40 }, (_, i) => `set k${i} v${i}`).join('\n');
  assert.deepEqual(await cli(`${sets}\n`), new Array(40).fill('OK'));
  assert.deepEqual(await cli('mget k0 k1 nothing k39\nexists k1 k2 k3\nhset h a 1 b 2\nhgetall h\n'), [
    'v0',
    'v1',
    '',
    'v39',
    '3',
    '2',
    'a',
    '1',
    'b',
    '2',
  ]);
  assert.deepEqual(await cli('multi\nset t 1\nincr t\nexec\n'), ['OK', 'QUEUED', 'QUEUED', 'OK', '2']);
  const sizes = await Promise.all(ports.map(async (one) => Number((await cli('dbsize\n', one))[0])));
  assert.ok(sizes.every((size) => size > 5) && sizes.reduce((a, b) => a + b) === 42, sizes.join());
});
