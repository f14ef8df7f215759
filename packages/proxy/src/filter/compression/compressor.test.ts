import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { test } from 'node:test';
import { brotliDecompressSync, createGunzip, gunzipSync, zstdDecompressSync } from 'node:zlib';
import {
  clusterFromJson,
  filterTypes,
  listenerFromJson,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../../testing/envoy-config.ts';
import { http2Cluster, http2Upstream } from '../../testing/http2-peers.ts';
import { exchangeRaw, statOf, upstream, type Closers } from '../../testing/harness.ts';
import { libraryFilter } from './testing/library-filter.ts';

const all = { match: { prefix: '/' }, route: { cluster: 'up' } };

type Library = Parameters<typeof libraryFilter>[1];

const compressor = (kind: Library, config?: object, library?: object): object =>
  libraryFilter('compressor', kind, config, library);

const perRoute = (config: object): object => ({
  '@type': `${filterTypes}.compressor.v3.CompressorPerRoute`,
  ...config,
});

interface Bytes {
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

/** Asks and keeps the body as the bytes that came. */
async function fetchBytes(port: number, encodings?: string, path = '/'): Promise<Bytes> {
  const headers = encodings === undefined ? {} : { 'accept-encoding': encodings };
  const request = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { headers: response.headers, bytes: Buffer.concat(chunks) };
}

const text = 'All work and no play makes a proxy a dull process. '.repeat(500);

async function start(
  t: Closers,
  filters: readonly object[],
  answer: (response: ServerResponse, url: string, accepts: string | undefined) => void = (response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.setHeader('content-length', text.length);
    response.end(text);
  },
  routes: readonly object[] = [all],
) {
  const { port: up } = await upstream(t, (request, response) =>
    answer(response, request.url ?? '', request.headers['accept-encoding']),
  );
  return serveEnvoy(t, { route_config: routesJson(routes), http_filters: [...filters, routerJson] }, [
    clusterFromJson('up', [up]),
  ]);
}

test('answers are compressed by gzip, brotli and zstd, and say so', async (t) => {
  const { port, dataPlane } = await start(t, [
    compressor('gzip', { response_direction_config: {} }),
    compressor('brotli', {}, { quality: 5, window_bits: 20 }),
    compressor('zstd', {}, { compression_level: 5, enable_checksum: true, strategy: 'LAZY' }),
  ]);
  for (const [encoding, unpack] of [
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
    ['zstd', zstdDecompressSync],
  ] as const) {
    const { headers, bytes } = await fetchBytes(port, encoding);
    assert.equal(headers['content-encoding'], encoding);
    assert.equal(headers['content-length'], undefined);
    assert.equal(headers['vary'], 'Accept-Encoding');
    assert.equal(unpack(bytes).toString(), text, encoding);
    assert.ok(bytes.length < text.length / 10, `${encoding}: ${bytes.length}`);
  }
  const at = 'http.http.compressor.text';
  assert.equal(statOf(dataPlane, `${at}.gzip.response.compressed`), 1);
  assert.equal(statOf(dataPlane, `${at}.zstd.header_compressor_overshadowed`), 2);
  assert.equal(statOf(dataPlane, `${at}.brotli.total_uncompressed_bytes`), text.length);
  const packed = statOf(dataPlane, `${at}.zstd.total_compressed_bytes`);
  assert.ok(packed > 0 && packed < text.length / 10, `${packed}`);
});

test('a client that does not accept it gets the answer as it is, which varies all the same', async (t) => {
  const { port, dataPlane } = await start(t, [compressor('gzip')]);
  for (const accepts of [undefined, 'identity', 'gzip;q=0, *', 'br']) {
    const { headers, bytes } = await fetchBytes(port, accepts);
    assert.equal(headers['content-encoding'], undefined, `${accepts}`);
    assert.equal(headers['vary'], 'Accept-Encoding', `${accepts}`);
    assert.equal(bytes.toString(), text);
  }
  const at = 'http.http.compressor.text.gzip';
  assert.equal(statOf(dataPlane, `${at}.no_accept_header`), 1);
  assert.equal(statOf(dataPlane, `${at}.header_identity`), 1);
  assert.equal(statOf(dataPlane, `${at}.header_not_valid`), 2);
  assert.equal(statOf(dataPlane, `${at}.not_compressed`), 4);
  assert.equal((await fetchBytes(port, '*')).headers['content-encoding'], 'gzip');
  assert.equal(statOf(dataPlane, `${at}.header_wildcard`), 1);
});

test('answers that are short, of another type, encoded, partial or not to be changed stay as they are', async (t) => {
  const cases: Record<string, Record<string, string>> = {
    '/short': { 'content-type': 'text/plain' },
    '/image': { 'content-type': 'image/png' },
    '/encoded': { 'content-type': 'text/plain', 'content-encoding': 'x-own' },
    '/fixed': { 'content-type': 'text/plain', 'cache-control': 'public, no-transform' },
    '/part': { 'content-type': 'text/plain', 'content-range': `bytes 0-9/${text.length}` },
  };
  const { port, dataPlane } = await start(t, [compressor('gzip')], (response, url) => {
    for (const [name, value] of Object.entries(cases[url] ?? {})) response.setHeader(name, value);
    const body = url === '/short' ? 'x'.repeat(29) : text;
    response.setHeader('content-length', body.length);
    response.end(body);
  });
  for (const path of Object.keys(cases)) {
    const { headers, bytes } = await fetchBytes(port, 'gzip', path);
    assert.equal(headers['content-encoding'], cases[path]?.['content-encoding'], path);
    assert.equal(headers['vary'], undefined, path);
    assert.equal(headers['content-length'], String(bytes.length), path);
  }
  assert.equal(statOf(dataPlane, 'http.http.compressor.text.gzip.content_length_too_small'), 1);
  assert.equal(statOf(dataPlane, 'http.http.compressor.text.gzip.compressed'), 0);
});

test('a strong entity tag goes, a weak one stays; or answers with tags stay as they are', async (t) => {
  const answer = (response: ServerResponse, url: string): void => {
    response.setHeader('content-type', 'text/plain');
    response.setHeader('etag', url === '/weak' ? 'W/"a"' : '"a"');
    response.end(text);
  };
  const lenient = await start(t, [compressor('gzip')], answer);
  const strong = await fetchBytes(lenient.port, 'gzip');
  assert.equal(strong.headers['content-encoding'], 'gzip');
  assert.equal(strong.headers['etag'], undefined);
  assert.equal((await fetchBytes(lenient.port, 'gzip', '/weak')).headers['etag'], 'W/"a"');
  const strict = await start(
    t,
    [compressor('gzip', { response_direction_config: { disable_on_etag_header: true } })],
    answer,
  );
  const kept = await fetchBytes(strict.port, 'gzip');
  assert.equal(kept.headers['content-encoding'], undefined);
  assert.equal(kept.headers['etag'], '"a"');
  assert.equal(statOf(strict.dataPlane, 'http.http.compressor.text.gzip.not_compressed_etag'), 1);
  assert.equal(statOf(strict.dataPlane, 'http.http.compressor.text.gzip.header_compressor_used'), 1);
});

test('each part of a streaming answer arrives while the answer goes on', async (t) => {
  let stream: ServerResponse | undefined;
  const { port } = await start(
    t,
    [
      compressor('gzip', {
        response_direction_config: { common_config: { content_type: ['text/event-stream'] } },
      }),
    ],
    (response) => {
      stream = response;
      response.setHeader('content-type', 'text/event-stream');
      response.write('data: 0\n\n');
    },
  );
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    headers: { 'accept-encoding': 'gzip' },
    agent: false,
  });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  assert.equal(response.headers['content-encoding'], 'gzip');
  const plain = response.pipe(createGunzip());
  for (let i = 0; i < 3; i++) {
    const [chunk] = (await once(plain, 'data')) as [Buffer];
    assert.equal(chunk.toString(), `data: ${i}\n\n`);
    if (i < 2) stream?.write(`data: ${i + 1}\n\n`);
  }
  stream?.end();
  await once(plain, 'end');
});

test('a long answer of HTTP/2, without a length, is compressed whole', async (t) => {
  const part = Buffer.alloc(100_000, 'abcdefghij');
  const up = await http2Upstream(t, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    for (let i = 0; i < 20; i++) stream.write(part);
    stream.end();
  });
  const { port } = await serveEnvoy(
    t,
    { route_config: routesJson([all]), http_filters: [compressor('zstd'), routerJson] },
    [http2Cluster('up', [up.port])],
  );
  const { headers, bytes } = await fetchBytes(port, 'zstd');
  assert.equal(headers['content-encoding'], 'zstd');
  assert.deepEqual(zstdDecompressSync(bytes), Buffer.concat(Array.from({ length: 20 }, () => part)));
});

test('a route may keep answers as they are, or hide from endpoints what the client accepts', async (t) => {
  const tell = (response: ServerResponse, _url: string, accepts: string | undefined): void => {
    response.setHeader('content-type', 'text/plain');
    response.end(`${accepts} ${text}`);
  };
  const route = (prefix: string, config: object): object => ({
    ...all,
    match: { prefix },
    typed_per_filter_config: { 'compressor-gzip': perRoute(config) },
  });
  const off = {
    response_direction_config: {
      common_config: { enabled: { default_value: false, runtime_key: 'compress' } },
    },
  };
  const hide = { overrides: { response_direction_config: { remove_accept_encoding_header: true } } };
  const on = { overrides: { response_direction_config: {} } };
  const { port } = await start(t, [compressor('gzip', off)], tell, [
    route('/hide', hide),
    route('/on', on),
    route('/off', { disabled: true }),
    all,
  ]);
  const hidden = await fetchBytes(port, 'gzip', '/hide');
  assert.match(gunzipSync(hidden.bytes).toString(), /^undefined /);
  assert.match(gunzipSync((await fetchBytes(port, 'gzip', '/on')).bytes).toString(), /^gzip /);
  for (const path of ['/off', '/']) {
    assert.equal((await fetchBytes(port, 'gzip', path)).headers['content-encoding'], undefined, path);
  }
});

test('an answer of the proxy itself is compressed too, and one to HEAD has no body', async (t) => {
  const direct = {
    match: { prefix: '/' },
    direct_response: { status: 200, body: { inline_string: text.slice(0, 4_000) } },
  };
  const { port, dataPlane } = await start(t, [compressor('gzip')], undefined, [direct]);
  const { headers, bytes } = await fetchBytes(port, 'gzip');
  assert.equal(headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(bytes).toString(), text.slice(0, 4_000));
  const raw = await exchangeRaw(
    port,
    'HEAD / HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n',
  );
  assert.match(raw, /^HTTP\/1.1 200 /);
  assert.doesNotMatch(raw, /content-encoding/);
  assert.match(raw, /\r\n\r\n$/);
  assert.equal(statOf(dataPlane, 'http.http.compressor.text.gzip.header_compressor_used'), 1);
});

test('a compressor that cannot be is refused with the path of what is wrong', () => {
  const refused = (filter: object, path: RegExp): void =>
    assert.throws(() => listenerFromJson({ http_filters: [filter, routerJson] }), path);
  refused(compressor('gzip', {}, { window_bits: 8 }), /compressor_library\.typed_config\.window_bits/);
  refused(
    compressor('zstd', {}, { compression_level: 23 }),
    /compressor_library\.typed_config\.compression_level/,
  );
});

test('requests are compressed where that is asked for, and only those that are worth it', async (t) => {
  const seen: { readonly encoding: string | undefined; readonly body: Buffer }[] = [];
  const { port: up } = await upstream(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push({ encoding: request.headers['content-encoding'], body: Buffer.concat(chunks) });
      response.end();
    });
  });
  const common_config = { min_content_length: 100, content_type: ['text/plain'] };
  const { port, dataPlane } = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      http_filters: [compressor('gzip', { request_direction_config: { common_config } }), routerJson],
    },
    [clusterFromJson('up', [up])],
  );
  const plain = { 'content-type': 'text/plain', 'content-length': String(text.length) };
  for (const [headers, body] of [
    [plain, text],
    [{ ...plain, 'content-length': '5' }, 'short'],
    [{ ...plain, 'content-type': 'image/png' }, text],
    [{ ...plain, 'content-encoding': 'br' }, text],
    [{ 'content-type': 'text/plain' }, ''],
  ] as const) {
    const request = httpRequest({ host: '127.0.0.1', port, method: 'PUT', headers, agent: false });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
  }
  assert.equal(gunzipSync(seen[0]?.body ?? '').toString(), text);
  assert.deepEqual(
    seen.map(({ encoding }) => encoding),
    ['gzip', undefined, undefined, 'br', undefined],
  );
  const at = 'http.http.compressor.text.gzip';
  assert.equal(statOf(dataPlane, `${at}.request.compressed`), 1);
  assert.equal(statOf(dataPlane, `${at}.request.not_compressed`), 4);
  assert.equal(statOf(dataPlane, `${at}.request.content_length_too_small`), 1);
  assert.equal(statOf(dataPlane, `${at}.request.total_uncompressed_bytes`), text.length);
  assert.equal(statOf(dataPlane, `${at}.compressed`), 0);
});
