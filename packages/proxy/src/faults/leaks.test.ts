import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { queryObjects } from 'node:v8';
import { frame, goodHead, headersFrame, uint32 } from '../testing/raw-http2.ts';
import { HttpConnection } from '../filter/connection-manager.ts';
import { Exchange } from '../filter/exchange.ts';
import { Attempt } from '../attempt/attempt.ts';
import { Http1ClientConnection } from '../http1/client-connection.ts';
import { Http1ServerConnection } from '../http1/server-connection.ts';
import { Http2ClientConnection } from '../http2/client-connection.ts';
import { Http2ServerConnection } from '../http2/server-connection.ts';
import { Http2ServerStream } from '../http2/server-stream.ts';
import { Incoming } from '../listener/incoming.ts';
import { clientPreface, frameType } from '../http2/frame.ts';
import { defaultForward, defaultRoute } from '../model/index.ts';
import { cluster, tcpUpstream } from '../testing/harness.ts';
import { http2Cluster, http2Upstream } from '../testing/http2-peers.ts';
import { becomes, busyGauges, watchedProxy } from '../testing/watched-proxy.ts';

/** How many sockets this process has, and how many descriptors of other kinds. */
function descriptors(): { readonly sockets: number; readonly others: number } {
  let sockets = 0;
  let others = 0;
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`).startsWith('socket:')) sockets++;
      else others++;
    } catch {
      // The descriptor that the folder was read by.
    }
  }
  return { sockets, others };
}

function pooledConnections(dataPlane: Parameters<typeof busyGauges>[0]): number {
  return busyGauges(dataPlane)
    .filter((line) => line.includes('upstream_cx_active'))
    .reduce((sum, line) => sum + Number(line.split(': ')[1]), 0);
}

/** What belongs to one connection or one request. */
const kinds = [
  Attempt,
  Exchange,
  Http1ClientConnection,
  Http1ServerConnection,
  Http2ClientConnection,
  Http2ServerConnection,
  Http2ServerStream,
  HttpConnection,
  Incoming,
];

/** How many of a kind something still points to. */
function countOf(kind: (typeof kinds)[number]): number {
  return queryObjects(kind, { format: 'count' });
}

const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const http2Start = Buffer.concat([clientPreface, frame(frameType.settings, 0, 0), headersFrame(1, goodHead)]);

/** What clients do before they go, or are sent away. */
const clients: readonly (string | Buffer)[] = [
  get,
  get + get + get,
  `${get.slice(0, -2)}connection: close\r\n\r\n`,
  get.slice(0, 20),
  'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n0123',
  'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz',
  'garbage\r\n\r\n',
  `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(70_000)}`,
  http2Start,
  Buffer.concat([http2Start, frame(frameType.rstStream, 0, 1, uint32(8))]),
  Buffer.concat([http2Start, frame(frameType.continuation, 4, 1)]),
  Buffer.concat([http2Start, headersFrame(3, [...goodHead, ['X', 'y']])]),
  http2Start.subarray(0, -10),
];

/** What an endpoint does with each further connection. */
const endpoints: readonly ((socket: Socket) => void)[] = [
  (s) => s.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'),
  (s) => s.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel'),
  (s) => s.end(),
  (s) => s.resetAndDestroy(),
  (s) => s.write('garbage\r\n\r\n'),
  // Never answers.
  () => {},
];

test('whatever clients and endpoints do, no descriptor and no object of a connection or a request is left', async (t) => {
  let connections = 0;
  const up = await tcpUpstream(t, (socket) => {
    const answer = endpoints[connections++ % endpoints.length];
    socket.once('data', () => answer?.(socket));
    socket.on('end', () => socket.end());
  });
  const second = await http2Upstream(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.end('hello');
  });
  const route = (name: string, path: string) => ({
    ...defaultRoute({ ...defaultForward(name), timeoutMs: 60 }),
    match: { ...defaultRoute(defaultForward(name)).match, path: { kind: 'prefix' as const, value: path } },
  });
  const proxy = await watchedProxy(
    t,
    [route('second', '/second'), route('up', '/')],
    [cluster('up', [up, 1]), http2Cluster('second', [second.port])],
    { accessLogs: [], requestHeadersTimeoutMs: 60 },
  );
  const talk = (bytes: string | Buffer, way: number): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(proxy.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
      const text =
        way % 2 === 0 ? bytes : Buffer.from(String(bytes).replace('GET / ', 'GET /second '), 'latin1');
      socket.write(typeof bytes === 'string' ? text : bytes, 'latin1', () => {
        if (way === 0) socket.destroy();
        else if (way === 1) socket.end();
        else if (way === 2) setTimeout(() => socket.resetAndDestroy(), 5);
        else setTimeout(() => socket.destroy(), 90);
      });
    });
  const round = async (): Promise<void> => {
    await Promise.all(clients.flatMap((bytes) => [0, 1, 2, 3].map((way) => talk(bytes, way))));
    await becomes(
      () => busyGauges(proxy.dataPlane).filter((line) => !line.includes('upstream_cx_active')),
      [],
    );
  };
  const listening = descriptors().sockets;
  await round();
  const before = descriptors().others;
  for (let i = 0; i < 5; i++) await round();
  await becomes(() => {
    const { sockets, others } = descriptors();
    // How many connections wait in the pools is chance; both ends of each are in this process.
    return sockets <= listening + 2 * pooledConnections(proxy.dataPlane) && others <= before;
  }, true);
  await proxy.settle();
  // Looking is a garbage collection for each kind: not more often than needed.
  let left = kinds.filter((kind) => countOf(kind) > 0);
  for (let i = 0; i < 20 && left.length > 0; i++) {
    await sleep(100);
    left = left.filter((kind) => countOf(kind) > 0);
  }
  assert.deepEqual(
    left.map(({ name }) => name),
    [],
  );
});

const idle = 10_000;

interface Figures {
  readonly active: number;
  readonly descriptors: number;
  readonly heapBytes: number;
}

test(`${idle} idle connections cost little, and leave nothing behind`, async (t) => {
  const program = fileURLToPath(new URL('../testing/many-idle-connections.ts', import.meta.url));
  const wanted = idle + 500;
  const script = `ulimit -n ${wanted} && exec "$0" "$1" ${idle}`;
  const run = await new Promise<{ error: Error | null; stdout: string; stderr: string }>((resolve) => {
    execFile('/bin/sh', ['-c', script, process.execPath, program], (error, stdout, stderr) =>
      resolve({ error, stdout, stderr }),
    );
  });
  if (run.error !== null && run.stderr.includes('ulimit')) {
    t.skip(`NOT TESTED: a process may not have ${wanted} descriptors here`);
    return;
  }
  assert.equal(run.error, null, run.stderr);
  const { before, during, after } = JSON.parse(run.stdout) as Record<'before' | 'during' | 'after', Figures>;
  assert.equal(during.active, idle);
  const each = Math.round((during.heapBytes - before.heapBytes) / idle);
  const left = after.heapBytes - before.heapBytes;
  t.diagnostic(`${each} bytes for each connection, ${left} bytes left afterwards`);
  assert.ok(each < 6_000, `${each} bytes for each connection`);
  assert.deepEqual([after.active, after.descriptors], [before.active, before.descriptors]);
  assert.ok(left < 3_000_000, `${left} bytes left`);
});
