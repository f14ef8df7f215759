import assert from 'node:assert/strict';
import { get } from 'node:http';
import { test } from 'node:test';
import { clusterFromJson, filterTypes, routesJson, serveEnvoy } from '../../testing/envoy-config.ts';
import { ask, keptAccessLog, until, upstream, type Closers } from '../../testing/harness.ts';

const format = [
  '%ACCESS_LOG_TYPE%',
  '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  '%RESPONSE_CODE%',
  '%RESPONSE_FLAGS%',
  '%RESPONSE_CODE_DETAILS%',
  '%BYTES_SENT%',
  '%BYTES_RECEIVED%',
  '%RESP(X-FROM)%',
  '%REQ(:PATH)%',
].join(' ');
const log = (text: string): object => ({
  name: 'log',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
    log_format: { text_format_source: { inline_string: `${text}\n` } },
  },
});

/** A proxy that logs its tries; an endpoint that answers as the path says, and another where nobody listens. */
async function serve(t: Closers, options: object = {}, route: object = {}) {
  let left = 2;
  const silent = Promise.withResolvers<void>();
  const { port: up } = await upstream(t, (request, response) => {
    response.setHeader('x-from', 'up');
    request.resume();
    if (request.url?.startsWith('/silent') === true) return silent.resolve();
    if (request.url === '/broken') request.socket.destroy();
    else if (request.url === '/again' && left-- > 0) response.writeHead(503).end('no');
    else request.on('end', () => response.end('hello'));
  });
  const kept = keptAccessLog('');
  const router = {
    name: 'router',
    typed_config: { '@type': `${filterTypes}.router.v3.Router`, upstream_log: [log(format)], ...options },
  };
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up', ...route } }]),
      http_filters: [router],
      access_log: [log('request %RESPONSE_CODE%')],
    },
    [clusterFromJson('up', [up])],
    kept.options,
  );
  return { port, isSilent: silent.promise, lines: () => kept.lines.map((line) => line.trim()) };
}

test('each try is logged when it is over, with what it was sent and what it answered', async (t) => {
  const retry_policy = { retry_on: '5xx', num_retries: 3, retry_back_off: { base_interval: '0.001s' } };
  const { port, lines } = await serve(t, {}, { retry_policy });
  assert.equal((await ask(port, '/again', { method: 'PUT', body: '12345678' })).body, 'hello');
  assert.deepEqual(lines(), [
    'UpstreamEnd 1 503 - - 8 0 up /again',
    'UpstreamEnd 2 503 - - 8 0 up /again',
    'UpstreamEnd 3 200 - via_upstream 8 5 up /again',
    'request 200',
  ]);
});

test('a try that fails says how, and one that is given up says why', async (t) => {
  const { port, lines } = await serve(t, {}, { timeout: '0.02s' });
  assert.equal((await ask(port, '/broken')).status, 503);
  assert.equal((await ask(port, '/silent')).status, 504);
  assert.deepEqual(lines(), [
    'UpstreamEnd 1 0 UC upstream_reset_before_response_started{connection_termination} 0 0 - /broken',
    'request 503',
    'UpstreamEnd 1 0 UT - 0 0 - /silent',
    'request 504',
  ]);
  const leaving = await serve(t);
  const request = get({ host: '127.0.0.1', port: leaving.port, path: '/silent', agent: false });
  request.on('error', () => {});
  await leaving.isSilent;
  request.destroy();
  await until(() => leaving.lines().length >= 2);
  assert.match(leaving.lines()[0] ?? '', /^UpstreamEnd 1 0 DC \S+ 0 0 - \/silent$/);
});

test('a try that has a connection is logged where that is asked for', async (t) => {
  const { port, lines } = await serve(t, {
    upstream_log_options: { flush_upstream_log_on_upstream_stream: true },
  });
  await ask(port);
  assert.deepEqual(lines(), [
    'UpstreamPoolReady 1 0 - - 0 0 - /',
    'UpstreamEnd 1 200 - via_upstream 0 5 up /',
    'request 200',
  ]);
});

test('a try that lasts is logged again and again where that is asked for, until it is over', async (t) => {
  const { port, isSilent, lines } = await serve(t, {
    upstream_log_options: { upstream_log_flush_interval: '0.02s' },
  });
  const request = get({ host: '127.0.0.1', port, path: '/silent', agent: false });
  request.on('error', () => {});
  await isSilent;
  await until(() => lines().length >= 2);
  request.destroy();
  await until(() => lines().includes('request 0'));
  const all = lines();
  assert.ok(
    all.slice(0, -2).every((line) => line === 'UpstreamPeriodic 1 0 - - 0 0 - /silent'),
    all.join('\n'),
  );
  assert.match(all.at(-2) ?? '', /^UpstreamEnd 1 0 DC /);
  // Nothing more is written of what is over, while there is something of another one.
  const other = get({ host: '127.0.0.1', port, path: '/silent/other', agent: false });
  other.on('error', () => {});
  await until(() => lines().length >= all.length + 3);
  other.destroy();
  assert.ok(
    lines()
      .slice(all.length)
      .every((line) => line.endsWith(' /silent/other')),
    lines().join('\n'),
  );
});

test('a format that cannot be read is refused where it stands', async (t) => {
  await assert.rejects(
    serve(t, { upstream_log: [log('%NO_SUCH%')] }),
    /http_filters\[0\].*upstream_log.*NO_SUCH/,
  );
  await assert.rejects(
    serve(t, { upstream_log_options: { upstream_log_flush_interval: '0s' } }),
    /upstream_log_flush_interval/,
  );
});
