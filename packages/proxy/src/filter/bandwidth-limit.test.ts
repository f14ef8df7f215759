import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, statOf, until, upstream, type Closers } from '../testing/harness.ts';
import { http2Client } from '../testing/http2-peers.ts';

const config = (fields: object): object => ({
  '@type': `${filterTypes}.bandwidth_limit.v3.BandwidthLimit`,
  stat_prefix: 'slow',
  ...fields,
});

/** 1 KiB a second, looked at ten times a second; its endpoint answers with half of that. */
async function serve(t: Closers, fields: object, route?: object) {
  const clock = new TestClock();
  const seen: number[] = [];
  const { port: up } = await upstream(t, (request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => {
      seen.push(bytes);
      response.end('x'.repeat(512));
    });
  });
  const all = { match: { prefix: '/' }, route: { cluster: 'up' } };
  const routed = {
    ...all,
    typed_per_filter_config: { limit: route === undefined ? undefined : config(route) },
  };
  const limit = { limit_kbps: 1, fill_interval: '0.1s', ...fields };
  const { dataPlane, port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([route === undefined ? all : routed]),
      http_filters: [{ name: 'limit', typed_config: config(limit) }, routerJson],
    },
    [clusterFromJson('up', [up])],
    { clock },
  );
  const stat = (name: string): number => statOf(dataPlane, `slow.http_bandwidth_limit.${name}`);
  return { clock, port, seen, stat };
}

test('answers come as fast as they may, and say what it took', async (t) => {
  const { clock, port, stat } = await serve(t, {
    enable_mode: 'RESPONSE',
    enable_response_trailers: true,
    response_trailer_prefix: 'Edge',
  });
  const client = await http2Client(t, port);
  const stream = client.request({ ':path': '/' });
  let trailers: Record<string, unknown> = {};
  stream.on('trailers', (given: Record<string, unknown>) => (trailers = given));
  const sizes: number[] = [];
  const ended = once(stream, 'end');
  while (sizes.reduce((sum, size) => sum + size, 0) < 512) {
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    sizes.push(chunk.length);
    clock.advance(100);
  }
  await ended;
  // A tenth of a second is worth 102.4 bytes.
  assert.deepEqual(sizes, [102, 102, 103, 102, 103]);
  assert.equal(trailers['edge-bandwidth-response-delay-ms'], '400');
  assert.equal(trailers['edge-bandwidth-response-filter-delay-ms'], '400');
  assert.equal(trailers['edge-bandwidth-request-delay-ms'], undefined);
  assert.deepEqual(
    ['enabled', 'enforced', 'pending', 'incoming_total_size', 'allowed_total_size'].map((name) =>
      stat(`response_${name}`),
    ),
    [1, 4, 0, 512, 512],
  );
});

test('bodies of requests are held back, counted while they are, and those that are given up too', async (t) => {
  const { clock, port, seen, stat } = await serve(t, { enable_mode: 'REQUEST' });
  const options = { host: '127.0.0.1', port, method: 'POST', agent: false } as const;
  const request = httpRequest({ ...options, headers: { 'content-length': '150' } });
  request.end('x'.repeat(150));
  await until(() => stat('request_pending') > 0);
  assert.deepEqual(seen, []);
  clock.advance(100);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  assert.deepEqual(seen, [150]);
  assert.equal(stat('request_pending'), 0);
  assert.equal(stat('request_enforced'), 1);
  const given = httpRequest(options);
  given.on('error', () => {});
  given.write('x'.repeat(1_000));
  await until(() => stat('request_pending') > 0);
  given.destroy();
  // Who is held back is not read from: that it has gone is seen when what it had sent is through.
  while (stat('request_pending') > 0) {
    clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test('a route has a limit of its own, or none; a switch turns it off', async (t) => {
  const fast = await serve(
    t,
    { enable_mode: 'RESPONSE' },
    { enable_mode: 'RESPONSE', limit_kbps: 1_000_000 },
  );
  assert.equal((await ask(fast.port)).body.length, 512);
  const none = await serve(t, { enable_mode: 'RESPONSE' }, { limit_kbps: 1 });
  assert.equal((await ask(none.port)).body.length, 512);
  const off = await serve(t, {
    enable_mode: 'REQUEST_AND_RESPONSE',
    runtime_enabled: { default_value: false, runtime_key: 'off' },
  });
  assert.equal((await ask(off.port, '/', { method: 'POST', body: 'x'.repeat(2_000) })).body.length, 512);
  assert.equal(off.stat('request_enabled'), 0);
});

test('a limit that is none is refused', async (t) => {
  const refused = async (fields: object, route: object | undefined, pattern: RegExp): Promise<void> =>
    assert.rejects(serve(t, fields, route), pattern);
  await refused(
    { enable_mode: 'RESPONSE', limit_kbps: undefined },
    undefined,
    /limit_kbps","message":"must be set/,
  );
  await refused({}, { enable_mode: 'RESPONSE' }, /limit_kbps","message":"must be set/);
});
