import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { defaultForward, defaultHttpConnectionManager, defaultRoute } from '../model/index.ts';
import { cluster, exchangeRaw, keptAccessLog, serveHttp, statOf, tcpUpstream } from '../testing/harness.ts';

/** A proxy whose endpoint answers the head of each request, and keeps what it was sent. */
async function serve(t: TestContext, answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok') {
  const asked: string[] = [];
  const up = await tcpUpstream(t, (socket) => {
    socket.on('data', (chunk) => {
      asked.push(chunk.toString('latin1'));
      socket.write(answer);
    });
    socket.on('end', () => socket.end());
  });
  const log = keptAccessLog('%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%');
  const { http1 } = defaultHttpConnectionManager({ kind: 'rds', name: '' });
  const proxy = await serveHttp(
    t,
    [defaultRoute(defaultForward('up'))],
    [cluster('up', [up])],
    { accessLogs: log.accessLogs, http1: { ...http1, acceptHttp10: true, defaultHostForHttp10: 'old' } },
    log.options,
  );
  return { ...proxy, asked, lines: log.lines };
}

const get = (...lines: readonly string[]): string =>
  `GET / HTTP/1.1\r\nhost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

test('an answer before the request is complete ends the connection, says so, and has no time of service', async (t) => {
  const { port, dataPlane } = await serve(t);
  const text = await exchangeRaw(port, `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc`);
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\nconnection: close\r\n/);
  assert.doesNotMatch(text, /x-envoy-upstream-service-time/);
  assert.equal(statOf(dataPlane, 'http.http.downstream_rq_response_before_rq_complete'), 1);
});

test('a refused upgrade ends the connection, and what nothing is routed to is not found', async (t) => {
  const { port, lines } = await serve(t);
  const refused = await exchangeRaw(port, get('connection: upgrade', 'upgrade: websocket'));
  assert.match(refused, /^HTTP\/1\.1 403 [^]*\r\nconnection: close\r\n/);
  const tunnel = await exchangeRaw(port, 'CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n');
  assert.match(tunnel, /^HTTP\/1\.1 404 [^]*\r\nconnection: close\r\n/);
  assert.deepEqual(lines, ['403 - upgrade_failed', '404 NR route_not_found']);
});

test('clients of HTTP/1.0 are answered in their version, and by final answers alone', async (t) => {
  const interim = 'HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n';
  const { port, asked } = await serve(t, `${interim}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`);
  const text = await exchangeRaw(port, 'GET / HTTP/1.0\r\nexpect: 100-continue\r\n\r\n');
  assert.match(text, /^HTTP\/1\.0 200 OK\r\n[^]*ok$/);
  assert.doesNotMatch(asked.join(''), /^expect:/m);
});

test('requests that may have a body say that they have none', async (t) => {
  const { port, asked } = await serve(t);
  for (const method of ['OPTIONS', 'PROPFIND', 'DELETE'])
    await exchangeRaw(port, get('connection: close').replace('GET', method));
  assert.deepEqual(
    asked.map((text) => /^\w+|content-length: \d+/g[Symbol.match](text)),
    [['OPTIONS', 'content-length: 0'], ['PROPFIND', 'content-length: 0'], ['DELETE']],
  );
});

const refusals: readonly (readonly [what: string, bytes: string, line: string])[] = [
  [
    'names a forwarded header in Connection',
    get('connection: x-forwarded-for'),
    '400 DPE http1.connection_header_rejected',
  ],
  [
    'names many headers in Connection',
    get(`connection: ${'a,'.repeat(10)}b`),
    '400 DPE http1.connection_header_rejected',
  ],
  ['names its host in Connection', get('connection: host'), '400 - missing_host_header'],
  ['has a control character', get('x: a\x01'), '400 DPE http1.invalid_characters'],
  ['has a byte above 127 in its target', get().replace('/', '/\xe4'), '400 DPE http1.codec_error'],
  ['has a fragment', get().replace('/', '/#'), '400 - path_normalization_failed'],
  ['has another scheme', get().replace('/', 'ftp://a/'), '400 DPE http1.invalid_scheme'],
  [
    'has a coding nobody knows',
    get('transfer-encoding: gzip, chunked'),
    '501 DPE http1.invalid_transfer_encoding',
  ],
];

for (const [what, bytes, line] of refusals) {
  test(`a request that ${what} is refused as by Envoy`, async (t) => {
    const { port, asked, lines } = await serve(t);
    await exchangeRaw(port, bytes);
    assert.deepEqual(lines, [line]);
    assert.deepEqual(asked, []);
  });
}
