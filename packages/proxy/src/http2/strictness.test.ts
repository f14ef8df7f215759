import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, routeTo, serveHttp, type Closers } from '../testing/harness.ts';
import { http2Cluster, http2Upstream } from '../testing/http2-peers.ts';
import {
  frame,
  goodHead,
  headersFrame,
  headersInFrames,
  literals,
  RawClient,
  uint32,
  type SeenFrame,
} from '../testing/raw-http2.ts';
import { clientPreface, errorCode, frameFlag, frameType } from './frame.ts';

interface Served {
  readonly port: number;
  readonly requests: () => number;
  readonly counter: (name: string) => number;
}

/** A proxy whose endpoint answers everything but `/wait`. */
async function serve(t: Closers): Promise<Served> {
  let requests = 0;
  const up = await http2Upstream(t, (stream, headers) => {
    requests++;
    if (headers[':path'] === '/wait') return;
    stream.respond({ ':status': 200 });
    stream.end('ok');
  });
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  return {
    port,
    requests: () => requests,
    counter: (name) =>
      Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(dataPlane.stats.text())?.[1] ?? 'NaN'),
  };
}

const isReset =
  (streamId: number) =>
  (f: SeenFrame): boolean =>
    f.type === frameType.rstStream && f.streamId === streamId;

function head(changes: Readonly<Record<string, string | undefined>>): [string, string][] {
  const fields = new Map<string, string | undefined>([...goodHead, ...Object.entries(changes)]);
  return [...fields].flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  );
}

const malformedHeads: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ['an upper-case name', [...goodHead, ['X-Upper', '1']]],
  ['a name that is no token', [...goodHead, ['x y', '1']]],
  ['an empty name', [...goodHead, ['', '1']]],
  ['a line break in a value', [...goodHead, ['x-a', 'b\r\nx-c: d']]],
  ['a NUL in a value', [...goodHead, ['x-a', 'b\0']]],
  ['a space around a value', [...goodHead, ['x-a', ' b']]],
  ['connection', [...goodHead, ['connection', 'close']]],
  ['transfer-encoding', [...goodHead, ['transfer-encoding', 'chunked']]],
  ['upgrade', [...goodHead, ['upgrade', 'h2c']]],
  ['te other than trailers', [...goodHead, ['te', 'gzip']]],
  ['an unknown pseudo header', [...goodHead, [':other', 'x']]],
  ['a pseudo header of answers', [...goodHead, [':status', '200']]],
  ['a protocol that was not offered', [...goodHead, [':protocol', 'websocket']]],
  ['a pseudo header twice', [...goodHead, [':path', '/x']]],
  ['a pseudo header after a field', [['x-a', 'b'], ...goodHead]],
  ['no method', head({ ':method': undefined })],
  ['a method that is no token', head({ ':method': 'GET /' })],
  ['no scheme', head({ ':scheme': undefined })],
  ['a strange scheme', head({ ':scheme': 'file' })],
  ['no path', head({ ':path': undefined })],
  ['an empty path', head({ ':path': '' })],
  ['a path with a space', head({ ':path': '/a HTTP/1.1' })],
  ['a path that is none', head({ ':path': 'a' })],
  ['no authority', head({ ':authority': undefined })],
  ['an authority with a slash', head({ ':authority': 'a/b' })],
  ['a host that says something else', [...goodHead, ['host', 'other']]],
  ['a content-length that is no number', [...goodHead, ['content-length', '+1']]],
  ['two content-lengths', [...goodHead, ['content-length', '0'], ['content-length', '0']]],
  ['a content-length without content', [...goodHead, ['content-length', '5']]],
  ['CONNECT with a path', head({ ':method': 'CONNECT' })],
];

test('a malformed head resets its stream, is not sent on, and the connection goes on', async (t) => {
  const { port, requests, counter } = await serve(t);
  const client = await RawClient.connect(t, port);
  let streamId = -1;
  for (const [what, fields] of malformedHeads) {
    client.send(headersFrame((streamId += 2), fields));
    const reset = await client.expect(isReset(streamId));
    assert.equal(reset.payload.readUInt32BE(), errorCode.protocolError, what);
  }
  assert.equal(requests(), 0);
  assert.equal(counter('http2.rx_messaging_error'), malformedHeads.length);
  client.send(headersFrame((streamId += 2), goodHead));
  const answer = await client.expect((f) => f.type === frameType.headers && f.streamId === streamId);
  assert.equal(client.fields(answer)[':status'], '200');
});

test('a body that is longer or shorter than its content-length resets the stream', async (t) => {
  const { port } = await serve(t);
  const client = await RawClient.connect(t, port);
  const posted = (streamId: number, length: string, ...bodies: readonly string[]): void => {
    const fields = [...head({ ':method': 'POST', ':path': '/wait' }), ['content-length', length] as const];
    client.send(
      headersFrame(streamId, fields, false),
      ...bodies.map((body, i) =>
        frame(frameType.data, i === bodies.length - 1 ? frameFlag.endStream : 0, streamId, Buffer.from(body)),
      ),
    );
  };
  posted(1, '5', 'abc', 'def');
  assert.equal((await client.expect(isReset(1))).payload.readUInt32BE(), errorCode.protocolError);
  posted(3, '5', 'abc');
  assert.equal((await client.expect(isReset(3))).payload.readUInt32BE(), errorCode.protocolError);
});

test('a head that is too large is 431, and the tables stay in step', async (t) => {
  const { port, counter } = await serve(t);
  const client = await RawClient.connect(t, port);
  const many = Array.from({ length: 150 }, (_, i): [string, string] => [`x-${i}`, 'v']);
  client.send(headersFrame(1, [...goodHead, ...many]));
  const refused = await client.expect((f) => f.type === frameType.headers && f.streamId === 1);
  const { ':status': status, server, date } = client.fields(refused);
  assert.deepEqual([status, server, date !== undefined], ['431', 'envoy', true]);
  const large = Array.from({ length: 9 }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(8_000)]);
  client.send(...headersInFrames(3, [...goodHead, ...large]));
  const answer = await client.expect((f) => f.type === frameType.headers && f.streamId === 3);
  assert.equal(client.fields(answer)[':status'], '431');
  assert.equal(counter('http2.header_overflow'), 1);
  assert.equal(counter('http2.header_list_size_too_large'), 1);
  assert.equal(counter('http.http.downstream_rq_4xx'), 2);
});

test('the size of a head is that of its names and values, up to the limit', async (t) => {
  const { port } = await serve(t);
  const client = await RawClient.connect(t, port);
  const twenty = Array.from({ length: 20 }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(2_500)]);
  const bytes = [...goodHead, ...twenty].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  const statusOf = async (streamId: number, size: number): Promise<string | undefined> => {
    const rest: [string, string] = ['rest', 'v'.repeat(size - bytes - 'rest'.length)];
    client.send(...headersInFrames(streamId, [...goodHead, ...twenty, rest]));
    const answer = await client.expect((f) => f.type === frameType.headers && f.streamId === streamId);
    return client.fields(answer)[':status'];
  };
  assert.equal(await statusOf(1, 60 * 1024), '200');
  assert.equal(await statusOf(3, 60 * 1024 + 1), '431');
});

test('cookies in crumbs become one, and host may stand for the authority', async (t) => {
  const seen: unknown[] = [];
  const up = await http2Upstream(t, (stream, headers) => {
    seen.push([headers[':authority'], headers.cookie]);
    stream.respond({ ':status': 204 }, { endStream: true });
  });
  const { port } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  const client = await RawClient.connect(t, port);
  client.send(
    headersFrame(1, [
      ...head({ ':authority': undefined }),
      ['host', 'h'],
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ]),
  );
  await client.expect((f) => f.type === frameType.headers && f.streamId === 1);
  assert.deepEqual(seen, [['h', 'a=1; b=2']]);
});

const brokenConnections: readonly (readonly [string, number, readonly Buffer[]])[] = [
  ['DATA of a stream that does not exist', errorCode.protocolError, [frame(frameType.data, 0, 5)]],
  ['DATA of no stream', errorCode.protocolError, [frame(frameType.data, 0, 0)]],
  ['HEADERS of an even stream', errorCode.protocolError, [headersFrame(2, goodHead)]],
  [
    'a frame within a block of fields',
    errorCode.protocolError,
    [frame(frameType.headers, 0, 1, literals(goodHead)), frame(frameType.ping, 0, 0, Buffer.alloc(8))],
  ],
  ['a CONTINUATION of nothing', errorCode.protocolError, [frame(frameType.continuation, 4, 1)]],
  ['a push', errorCode.protocolError, [frame(frameType.pushPromise, 4, 1, Buffer.alloc(4))]],
  [
    'a block that is no HPACK',
    errorCode.compressionError,
    [frame(frameType.headers, frameFlag.endHeaders, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))],
  ],
  ['SETTINGS cut short', errorCode.frameSizeError, [frame(frameType.settings, 0, 0, Buffer.alloc(5))]],
  [
    'a window too large by SETTINGS',
    errorCode.flowControlError,
    [frame(frameType.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0x80000000)]))],
  ],
  [
    'a window that grows beyond its limit',
    errorCode.flowControlError,
    [frame(frameType.windowUpdate, 0, 0, uint32(0x7fffffff))],
  ],
  [
    'a window that grows by nothing',
    errorCode.protocolError,
    [frame(frameType.windowUpdate, 0, 0, uint32(0))],
  ],
  ['a PING cut short', errorCode.frameSizeError, [frame(frameType.ping, 0, 0, Buffer.alloc(7))]],
  ['a reset of what does not exist', errorCode.protocolError, [frame(frameType.rstStream, 0, 7, uint32(8))]],
  ['a frame too long', errorCode.frameSizeError, [frame(frameType.headers, 4, 1, Buffer.alloc(16_385))]],
];

test('what breaks the connection ends it with a GOAWAY that says why', async (t) => {
  const { port, requests } = await serve(t);
  for (const [what, code, frames] of brokenConnections) {
    const client = await RawClient.connect(t, port);
    client.send(...frames);
    assert.equal(await client.goawayCode(), code, what);
  }
  assert.equal(requests(), 0);
});

test('a client that begins as HTTP/2 and goes on as something else is not served', async (t) => {
  const { port } = await serve(t);
  const wrong = Buffer.from(clientPreface);
  wrong[20] = 0x21;
  const client = await RawClient.connect(t, port, wrong);
  await assert.rejects(client.expect((f) => f.type === frameType.headers));
  assert.equal((await ask(port)).status, 200, 'HTTP/1 is');
});

const manyTimes = (count: number, make: (i: number) => Buffer): Buffer[] =>
  Array.from({ length: count }, (_, i) => make(i));

const waiting = head({ ':path': '/wait' });
const streamNumber = (i: number): number => 2 * i + 1;

const floods: readonly (readonly [string, string, () => Buffer[]])[] = [
  [
    'requests taken back at once (CVE-2023-44487)',
    'http2.inbound_reset_flood',
    () =>
      manyTimes(1_000, (i) =>
        Buffer.concat([
          headersFrame(streamNumber(i), waiting),
          frame(frameType.rstStream, 0, streamNumber(i), uint32(8)),
        ]),
      ),
  ],
  [
    'CONTINUATION without end (CVE-2024-27316)',
    'http2.inbound_continuation_frames_flood',
    () => [
      frame(frameType.headers, 0, 1, literals(goodHead)),
      ...manyTimes(200, () => frame(frameType.continuation, 0, 1, literals([['x-a', 'b']]))),
    ],
  ],
  [
    'SETTINGS (CVE-2019-9515)',
    'http2.inbound_settings_flood',
    () => manyTimes(1_000, () => frame(frameType.settings, 0, 0)),
  ],
  [
    'PING (CVE-2019-9512)',
    'http2.inbound_ping_flood',
    () => manyTimes(2_000, () => frame(frameType.ping, 0, 0, Buffer.alloc(8))),
  ],
  [
    'empty DATA (CVE-2019-9518)',
    'http2.inbound_empty_frames_flood',
    () => [
      headersFrame(1, head({ ':method': 'POST', ':path': '/wait' }), false),
      ...manyTimes(2_000, () => frame(frameType.data, 0, 1)),
    ],
  ],
  [
    'PRIORITY',
    'http2.inbound_priority_frames_flood',
    () => manyTimes(5_000, () => frame(frameType.priority, 0, 1, Buffer.alloc(5))),
  ],
  [
    'WINDOW_UPDATE',
    'http2.inbound_window_update_frames_flood',
    () => manyTimes(10_000, () => frame(frameType.windowUpdate, 0, 0, uint32(1))),
  ],
];

test('floods end the connection, are counted, and do not reach the endpoint', async (t) => {
  const { port, requests, counter } = await serve(t);
  for (const [what, name, frames] of floods) {
    const before = requests();
    const client = await RawClient.connect(t, port);
    client.send(...frames());
    assert.equal(await client.goawayCode(), errorCode.enhanceYourCalm, what);
    assert.equal(counter(name), 1, what);
    assert.ok(requests() - before <= 250, `${what}: ${requests() - before} requests went on`);
  }
});

test('a stream above the limit is refused, not served', async (t) => {
  const { port, counter } = await serve(t);
  const client = await RawClient.connect(t, port);
  client.send(...manyTimes(1_025, (i) => headersFrame(streamNumber(i), waiting)));
  const reset = await client.expect((f) => f.type === frameType.rstStream);
  assert.equal(reset.streamId, streamNumber(1_024));
  assert.equal(reset.payload.readUInt32BE(), errorCode.refusedStream);
  assert.equal(counter('http2.stream_refused_errors'), 1);
});

test('a client that sends more than its window is cut off', async (t) => {
  const { port } = await serve(t);
  const client = await RawClient.connect(t, port);
  client.send(headersFrame(1, head({ ':method': 'POST', ':path': '/wait' }), false));
  const settings = await client.expect((f) => f.type === frameType.settings && f.flags === 0);
  let windowBytes = 65_535;
  for (let at = 0; at < settings.payload.length; at += 6) {
    if (settings.payload.readUInt16BE(at) === 4) windowBytes = settings.payload.readUInt32BE(at + 2);
  }
  const chunk = Buffer.alloc(16_384);
  // Twice the window and what the endpoint's own windows take.
  for (let sent = 0; sent < 8 * windowBytes; sent += chunk.length) {
    client.send(frame(frameType.data, 0, 1, chunk));
  }
  const end = await client.expect((f) => f.type === frameType.rstStream || f.type === frameType.goaway);
  const code = end.type === frameType.goaway ? end.payload.readUInt32BE(4) : end.payload.readUInt32BE();
  assert.equal(code, errorCode.flowControlError);
});
