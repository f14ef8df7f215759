import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import type { DataPlane, DataPlaneOptions } from '../data-plane.ts';
import { clusterFromJson, listenerFromJson } from '../testing/envoy-config.ts';
import {
  keptAccessLog,
  portOf,
  startDataPlane,
  statOf,
  tcpUpstream,
  until,
  type Closers,
} from '../testing/harness.ts';
import { opcodes } from './message.ts';
import { encodeKillCursors, encodeMsg, encodeOn, encodeQuery, encodeReply } from './testing/encode.ts';

const at = 'type.googleapis.com/envoy.extensions';

async function serve(
  test: Closers,
  filter: object,
  options: DataPlaneOptions = {},
  accessLog: readonly object[] = [],
  after: readonly object[] = [],
): Promise<{ dataPlane: DataPlane; client: Socket; backend: Socket }> {
  const accepted = Promise.withResolvers<Socket>();
  const port = await tcpUpstream(test, accepted.resolve);
  const dataPlane = startDataPlane(test, options);
  const filters = [
    {
      name: 'envoy.filters.network.mongo_proxy',
      typed_config: {
        '@type': `${at}.filters.network.mongo_proxy.v3.MongoProxy`,
        stat_prefix: 'db',
        ...filter,
      },
    },
    ...after,
    {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        '@type': `${at}.filters.network.tcp_proxy.v3.TcpProxy`,
        stat_prefix: 'tcp',
        cluster: 'db',
        access_log: accessLog,
      },
    },
  ];
  const { refused } = await dataPlane.update({
    clusters: { set: [clusterFromJson('db', [port])] },
    listeners: { set: [listenerFromJson({}, undefined, { filter_chains: [{ filters }] })] },
  });
  assert.deepEqual(refused, []);
  const client = connect(portOf(dataPlane), '127.0.0.1');
  client.on('error', () => {});
  test.after(() => client.destroy());
  return { dataPlane, client, backend: await accepted.promise };
}

/** Sends bytes and waits until they have come whole to the other side. */
async function carry(from: Socket, to: Socket, bytes: Buffer): Promise<void> {
  from.write(bytes);
  let all: Buffer = Buffer.alloc(0);
  while (all.length < bytes.length) {
    const [chunk] = (await once(to, 'data')) as [Buffer];
    all = Buffer.concat([all, chunk]);
  }
  assert.deepEqual(all, bytes);
}

test('queries, commands and their answers are counted by collection, call site and command', async (t) => {
  const { dataPlane, client, backend } = await serve(t, {});
  const stat = (name: string): number => statOf(dataPlane, `mongo.db.${name}`);
  const comment = JSON.stringify({ callingFunction: 'listUsers' });
  await carry(
    client,
    backend,
    Buffer.concat([
      encodeQuery(
        1,
        'shop.users',
        { $query: { name: 'ann' }, $comment: comment, $maxTimeMS: 10 },
        2 + 16 + 32 + 64,
      ),
      encodeQuery(2, 'shop.users', { _id: { $in: [1, 2] } }),
      encodeQuery(3, 'shop.users', { _id: 1 }),
      encodeQuery(4, 'shop.$cmd', { insert: 'users', ordered: true }),
      encodeQuery(5, 'shop.$cmd', { isMaster: 1 }),
      encodeQuery(6, 'shop.$cmd', { find: 'carts', filter: { _id: 7 }, maxTimeMS: 5 }),
      encodeOn(7, opcodes.insert, 'shop.users', Buffer.from([5, 0, 0, 0, 0])),
      encodeOn(8, opcodes.getMore, 'shop.users', Buffer.alloc(12)),
      encodeKillCursors(9, 2),
    ]),
  );
  assert.equal(stat('op_query'), 6);
  assert.equal(stat('op_query_active'), 6);
  for (const flag of ['tailable_cursor', 'no_cursor_timeout', 'await_data', 'exhaust'])
    assert.equal(stat(`op_query_${flag}`), 1, flag);
  assert.equal(stat('op_query_no_max_time'), 2);
  assert.equal(stat('op_query_scatter_get'), 1);
  assert.equal(stat('op_query_multi_get'), 1);
  for (const op of ['insert', 'get_more', 'kill_cursors']) assert.equal(stat(`op_${op}`), 1, op);
  assert.equal(stat('collection.users.query.total'), 3);
  assert.equal(stat('collection.users.query.scatter_get'), 1);
  assert.equal(stat('collection.users.query.multi_get'), 1);
  assert.equal(stat('collection.users.callsite.listUsers.query.total'), 1);
  assert.equal(stat('collection.carts.query.total'), 1);
  assert.equal(stat('cmd.insert.total'), 1);
  assert.equal(stat('cmd.unknown_command.total'), 1);
  await carry(
    backend,
    client,
    Buffer.concat([
      encodeReply(1, [{ a: 1 }, { a: 2 }], { cursor: 9 }),
      encodeReply(2, [], { flags: 1 }),
      encodeReply(4, [{ ok: 1 }], { flags: 2 }),
      encodeReply(77, [{ ok: 1 }]),
    ]),
  );
  assert.equal(stat('op_reply'), 4);
  assert.equal(stat('op_reply_valid_cursor'), 1);
  assert.equal(stat('op_reply_cursor_not_found'), 1);
  assert.equal(stat('op_reply_query_failure'), 1);
  assert.equal(stat('op_query_active'), 3);
  assert.equal(stat('decoding_error'), 0);
  client.resetAndDestroy();
  await until(() => stat('op_query_active') === 0);
  assert.equal(stat('cx_destroy_remote_with_active_rq'), 1);
});

test('OP_MSG, which drivers speak today, is counted in the same places', async (t) => {
  const { dataPlane, client, backend } = await serve(t, { commands: ['insert', 'aggregate'] });
  const stat = (name: string): number => statOf(dataPlane, `mongo.db.${name}`);
  await carry(
    client,
    backend,
    Buffer.concat([
      encodeMsg(1, 0, { find: 'users', filter: { a: 1 }, $db: 'shop' }),
      encodeMsg(2, 0, { aggregate: 'users', $db: 'shop' }),
      encodeMsg(3, 0, { insert: 'users', $db: 'shop' }, 2),
    ]),
  );
  assert.equal(stat('op_query_active'), 2);
  assert.equal(stat('collection.users.query.total'), 1);
  assert.equal(stat('cmd.aggregate.total'), 1);
  assert.equal(stat('cmd.insert.total'), 1);
  await carry(
    backend,
    client,
    Buffer.concat([
      encodeMsg(10, 1, { cursor: { firstBatch: [{ a: 1 }, { a: 1 }, { a: 1 }], id: 0n }, ok: 1 }),
      encodeMsg(11, 2, { ok: 1 }),
    ]),
  );
  assert.equal(stat('op_msg'), 5);
  assert.equal(stat('op_query_active'), 0);
  assert.match(dataPlane.stats.text(), /mongo\.db\.collection\.users\.query\.reply_num_docs: .*3/);
});

test('what is no MongoDB passes as it came and is counted once', async (t) => {
  const { dataPlane, client, backend } = await serve(t, {});
  await carry(client, backend, Buffer.from('GET / HTTP/1.1\r\nhost: example\r\n\r\n'));
  await carry(client, backend, Buffer.alloc(100_000, 1));
  await carry(backend, client, Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
  assert.equal(statOf(dataPlane, 'mongo.db.decoding_error'), 2);
});

test('a fault holds messages back, and their order stays', async (t) => {
  const { dataPlane, client, backend } = await serve(t, {
    delay: { fixed_delay: '0.03s', percentage: { numerator: 100 } },
  });
  const startMs = performance.now();
  const first = encodeMsg(1, 0, { ping: 1 });
  client.write(first.subarray(0, 20));
  client.write(first.subarray(20));
  await carry(client, backend, Buffer.alloc(0));
  client.end(encodeMsg(2, 0, { ping: 2 }));
  let all: Buffer = Buffer.alloc(0);
  backend.on('data', (chunk: Buffer) => (all = Buffer.concat([all, chunk])));
  await once(backend, 'end');
  assert.deepEqual(all, Buffer.concat([first, encodeMsg(2, 0, { ping: 2 })]));
  assert.ok(performance.now() - startMs >= 29);
  assert.ok(statOf(dataPlane, 'mongo.db.delays_injected') >= 1);
});

const metadataLog = [
  {
    name: 'log',
    typed_config: {
      '@type': `${at}.access_loggers.stream.v3.StdoutAccessLog`,
      log_format: {
        text_format_source: { inline_string: '%DYNAMIC_METADATA(envoy.filters.network.mongo_proxy)%\n' },
      },
    },
  },
];

test('messages are logged, and collections become dynamic metadata', async (t) => {
  const kept = keptAccessLog('');
  const { client, backend, dataPlane } = await serve(
    t,
    { access_log: '/mongo.log', emit_dynamic_metadata: true },
    kept.options,
    metadataLog,
  );
  await carry(client, backend, encodeQuery(1, 'shop.users', { a: 'b' }));
  client.resetAndDestroy();
  await until(() => dataPlane.activeConnections === 0);
  const [message, line] = kept.lines;
  assert.deepEqual((JSON.parse(message ?? '') as { message: { query: unknown } }).message.query, { a: 'b' });
  assert.equal(line, '{"shop.users":["query"]}\n');
});

test('dynamic metadata tells of the bytes that came last, whatever collections are called', async (t) => {
  const kept = keptAccessLog('');
  const { client, backend } = await serve(t, { emit_dynamic_metadata: true }, kept.options, metadataLog);
  await carry(client, backend, encodeQuery(1, 'shop.users', { a: 'b' }));
  const last = Buffer.concat(
    ['__proto__.a', 'constructor.a'].map((name, i) => encodeQuery(i, name, { a: 1 })),
  );
  await carry(client, backend, last);
  client.resetAndDestroy();
  await until(() => kept.lines.length > 0);
  assert.equal(kept.lines[0], '{"__proto__.a":["query"],"constructor.a":["query"]}\n');
});

const secretRules = (more: object): object => ({
  name: 'envoy.filters.network.rbac',
  typed_config: {
    '@type': `${at}.filters.network.rbac.v3.RBAC`,
    stat_prefix: 'gate.',
    rules: {
      action: 'DENY',
      policies: {
        secret: {
          permissions: [
            {
              metadata: {
                filter: 'envoy.filters.network.mongo_proxy',
                path: [{ key: 'shop.secret' }],
                value: { list_match: { one_of: { string_match: { exact: 'query' } } } },
              },
            },
          ],
          principals: [{ any: true }],
        },
      },
    },
    ...more,
  },
});

for (const [kind, secret] of [
  ['OP_QUERY', encodeQuery(2, 'shop.secret', { a: 'b' })],
  ['a long OP_QUERY', encodeQuery(2, 'shop.secret', { a: 'b'.repeat(300_000) })],
  ['OP_MSG', encodeMsg(2, 0, { find: 'secret', $db: 'shop' })],
] as const) {
  test(`rules over what connections ask for keep ${kind} from the server`, async (t) => {
    const continuous = secretRules({ enforcement_type: 'CONTINUOUS' });
    const { client, backend, dataPlane } = await serve(
      t,
      { emit_dynamic_metadata: true },
      {},
      [],
      [continuous],
    );
    await carry(client, backend, encodeQuery(1, 'shop.users', { a: 'b' }));
    let more = 0;
    backend.on('data', (chunk: Buffer) => (more += chunk.length));
    const ended = once(backend, 'end');
    const closed = new Promise((resolve) => client.on('close', resolve));
    client.write(secret);
    client.resume();
    await Promise.all([closed, ended]);
    assert.equal(more, 0);
    assert.equal(statOf(dataPlane, 'gate.rbac.denied'), 1);
  });
}

test('rules look at what each piece asks for that a fault holds back', async (t) => {
  const { client, backend } = await serve(
    t,
    { emit_dynamic_metadata: true, delay: { fixed_delay: '0.05s', percentage: { numerator: 100 } } },
    {},
    [],
    [secretRules({ enforcement_type: 'CONTINUOUS' })],
  );
  let all: Buffer = Buffer.alloc(0);
  backend.on('data', (chunk: Buffer) => (all = Buffer.concat([all, chunk])));
  const first = encodeQuery(1, 'shop.users', { a: 'b' });
  client.write(first);
  await new Promise((resolve) => setImmediate(resolve));
  client.write(encodeQuery(2, 'shop.secret', { a: 'b' }));
  await new Promise((resolve) => setImmediate(resolve));
  client.write(encodeQuery(3, 'shop.users', { a: 'b' }));
  client.resume();
  await new Promise((resolve) => client.on('close', resolve));
  assert.ok(!all.includes('secret'));
});

test('a client whose messages a fault holds back is not read without end', async (t) => {
  const { client, backend } = await serve(t, {
    delay: { fixed_delay: '0.3s', percentage: { numerator: 100 } },
  });
  let taken = 0;
  backend.on('data', (chunk: Buffer) => (taken += chunk.length));
  client.write(encodeMsg(1, 0, { ping: 1 }));
  const much = encodeMsg(2, 0, { ping: 'x'.repeat(30_000_000) });
  client.write(much);
  await until(() => taken > 0);
  assert.ok(client.bytesWritten - client.writableLength < much.length, 'the kernel and the proxy have less');
  await until(() => taken > much.length);
});
