import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import {
  clusterFromJson,
  filterTypes,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../../testing/envoy-config.ts';
import { ask, statOf, upstream, type Closers } from '../../testing/harness.ts';
import { askHttp2, http2Client } from '../../testing/http2-peers.ts';
import { libraryFilter } from './testing/library-filter.ts';

const all = { match: { prefix: '/' }, route: { cluster: 'up' } };
/** It shrinks to a third, far from what is taken for an attack. */
const text = Array.from({ length: 4_000 }, (_, i) => `line ${i * i}`).join('\n');

type Library = Parameters<typeof libraryFilter>[1];

const decompressor = (kind: Library, config?: object, library?: object): object =>
  libraryFilter('decompressor', kind, config, library);

const waiting = {
  name: 'buffer',
  typed_config: { '@type': `${filterTypes}.buffer.v3.Buffer`, max_request_bytes: 100_000 },
};
const off = { common_config: { enabled: { default_value: false, runtime_key: 'off' } } };

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An endpoint that answers as it is told, and what it has seen. */
async function serve(
  t: Closers,
  filters: readonly object[],
  answer: { readonly headers?: OutgoingHttpHeaders; readonly body?: Buffer | string } = {},
) {
  const seen: Seen[] = [];
  const { port: up } = await upstream(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(200, answer.headers).end(answer.body);
    });
  });
  const manager = { route_config: routesJson([all]), http_filters: [...filters, routerJson] };
  const served = await serveEnvoy(t, manager, [clusterFromJson('up', [up])]);
  const stat = (path: string): number => statOf(served.dataPlane, `http.http.decompressor.text.${path}`);
  return { ...served, seen, stat };
}

async function post(port: number, body: Buffer, headers: OutgoingHttpHeaders): Promise<void> {
  const request = httpRequest({ host: '127.0.0.1', port, method: 'POST', headers, agent: false });
  // In pieces, so that none of them is a whole.
  for (let at = 0; at < body.length; at += 37) request.write(body.subarray(at, at + 37));
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
}

const packers = [
  ['gzip', 'gzip', gzipSync],
  ['brotli', 'br', brotliCompressSync],
  ['zstd', 'zstd', zstdCompressSync],
] as const;

for (const [kind, encoding, pack] of packers) {
  test(`bodies of requests that are ${kind} arrive as they were, and say no more what they were`, async (t) => {
    for (const filters of [
      [decompressor(kind)],
      [waiting, decompressor(kind)],
      [decompressor(kind), waiting],
    ]) {
      const { port, seen, stat } = await serve(t, filters);
      const packed = pack(text);
      await post(port, packed, { 'content-encoding': encoding });
      await post(port, packed, {
        'content-encoding': ` ${encoding} , other`,
        'content-length': packed.length,
      });
      assert.equal(seen[0]?.body, text);
      assert.equal(seen[0]?.headers['content-encoding'], undefined);
      assert.equal(seen[1]?.body, text);
      assert.equal(seen[1]?.headers['content-encoding'], 'other');
      assert.equal(seen[0]?.headers['accept-encoding'], encoding);
      assert.equal(stat(`${kind}.request.decompressed`), 2);
      assert.equal(stat(`${kind}.request.total_compressed_bytes`), 2 * packed.length);
      assert.equal(stat(`${kind}.request.total_uncompressed_bytes`), 2 * text.length);
    }
  });

  test(`answers that are ${kind} are sent as they were, with what was saved after them`, async (t) => {
    const packed = pack(text);
    const answer = {
      headers: { 'content-encoding': encoding, 'content-length': packed.length },
      body: packed,
    };
    const { port, stat } = await serve(t, [decompressor(kind)], answer);
    const plain = await ask(port);
    assert.equal(plain.body, text);
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.equal(plain.headers['content-length'], undefined);
    const client = await http2Client(t, port);
    const stream = client.request({ ':path': '/' });
    let trailers: Record<string, unknown> = {};
    stream.on('trailers', (given: Record<string, unknown>) => (trailers = given));
    stream.resume();
    await once(stream, 'end');
    assert.equal(trailers['x-envoy-decompressor-text-compressed-bytes'], String(packed.length));
    assert.equal(trailers['x-envoy-decompressor-text-uncompressed-bytes'], String(text.length));
    assert.equal(stat(`${kind}.response.decompressed`), 2);
  });
}

test('what is not to be changed stays as it is', async (t) => {
  const packed = gzipSync(text);
  const forbidden = { 'content-encoding': 'gzip', 'cache-control': 'max-age=1, no-transform' };
  const { port, seen, stat } = await serve(t, [decompressor('gzip', { response_direction_config: off })], {
    headers: { 'content-encoding': 'gzip' },
    body: packed,
  });
  await post(port, packed, forbidden);
  await post(port, packed, { 'content-encoding': 'br, gzip' });
  assert.deepEqual(
    seen.map(({ headers }) => [headers['content-encoding'], headers['accept-encoding']]),
    [
      ['gzip', undefined],
      ['br, gzip', undefined],
    ],
  );
  assert.equal((await ask(port)).headers['content-encoding'], 'gzip');
  // Without a body there is nothing to decide.
  assert.equal(stat('gzip.request.not_decompressed'), 2);
  assert.equal(stat('gzip.response.decompressed'), 0);
  const ignoring = { request_direction_config: { common_config: { ignore_no_transform_header: true } } };
  const other = await serve(t, [decompressor('gzip', ignoring)]);
  await post(other.port, packed, forbidden);
  assert.equal(other.seen[0]?.body, text);
});

test('what cannot be read ends where that is seen, and what grows too much too', async (t) => {
  const broken = Buffer.concat([gzipSync(text).subarray(0, 60), Buffer.alloc(60, 0xff)]);
  const bad = await serve(t, [decompressor('gzip')]);
  await post(bad.port, broken, { 'content-encoding': 'gzip' });
  assert.ok(text.startsWith(bad.seen[0]?.body ?? 'x'));
  assert.equal(bad.stat('gzip.decompressor_library.zlib_data_error'), 1);
  const bomb = gzipSync(Buffer.alloc(10_000_000));
  const { port, seen, stat } = await serve(t, [decompressor('gzip', {}, { max_inflate_ratio: 10 })]);
  await post(port, bomb, { 'content-encoding': 'gzip' });
  const { length } = seen[0]?.body ?? '';
  assert.ok(length < 200_000, `${length} bytes of ${bomb.length}`);
  assert.equal(stat('gzip.decompressor_library.zlib_data_error'), 1);
  // A body that ends too early is what it is.
  const early = await serve(t, [decompressor('gzip')]);
  await post(early.port, gzipSync(text).subarray(0, 100), { 'content-encoding': 'gzip' });
  assert.ok((early.seen[0]?.body.length ?? 0) > 0);
});

test('a large body of a slow endpoint is held back, and comes whole', async (t) => {
  const big = Buffer.from(Array.from({ length: 400_000 }, (_, i) => `${i * i}`).join(' '));
  const packed = gzipSync(big);
  const { port } = await serve(t, [decompressor('gzip')], {
    headers: { 'content-encoding': 'gzip' },
    body: packed,
  });
  const client = await http2Client(t, port);
  const { body } = await askHttp2(client, { ':path': '/' });
  assert.equal(body, big.toString());
});

test('a decompressor that cannot be is refused with the path of what is wrong', async (t) => {
  const bad = decompressor('gzip', {}, { window_bits: 3, chunk_size: 1 });
  await assert.rejects(serve(t, [bad]), /decompressor_library\.typed_config\.window_bits/);
});
