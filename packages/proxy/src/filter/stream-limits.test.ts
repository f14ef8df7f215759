import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { TestClock, type Timer } from '@lateen/core';
import {
  defaultForward,
  defaultRoute,
  type ForwardAction,
  type HttpConnectionManager,
} from '../model/index.ts';
import {
  ask,
  cluster,
  exchangeRaw,
  keptAccessLog,
  serveHttp,
  statOf,
  until,
  upstream,
  type Closers,
} from '../testing/harness.ts';
import { CoarseTimers } from '../timer/coarse-timers.ts';
import { Turn } from '../wire/turn.ts';
import { StreamLimits } from './stream-limits.ts';

/** A proxy in front of an endpoint that answers `/fast` at once, begins an answer to `/slow`, and is silent else. */
async function limited(
  t: Closers,
  manager: Partial<HttpConnectionManager>,
  action: Partial<ForwardAction> = {},
): Promise<{ port: number; lines: string[]; stat: (name: string) => number }> {
  const { port: up } = await upstream(t, (request, response) => {
    request.resume();
    if (request.url === '/fast') response.end('fast');
    else if (request.url === '/slow') response.write('begun');
  });
  const log = keptAccessLog('%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%');
  const { port, dataPlane } = await serveHttp(
    t,
    [defaultRoute({ ...defaultForward('up'), timeoutMs: 0, ...action })],
    [cluster('up', [up])],
    { ...manager, accessLogs: log.accessLogs },
    log.options,
  );
  return { port, lines: log.lines, stat: (name) => statOf(dataPlane, `http.http.${name}`) };
}

const post = (path: string): string => `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf`;

test('a request that does not come in its time is answered by 408', async (t) => {
  const { port, lines, stat } = await limited(t, { requestTimeoutMs: 40 });
  assert.match(await exchangeRaw(port, post('/')), /^HTTP\/1\.1 408 .*request timeout$/s);
  assert.equal((await ask(port, '/fast', { method: 'POST', body: 'x' })).status, 200);
  assert.deepEqual(lines, ['408 - request_overall_timeout', '200 - via_upstream']);
  assert.equal(stat('downstream_rq_timeout'), 1);
});

test('the time of a route is also for answers that begin before their request is at its end', async (t) => {
  const { port, lines } = await limited(t, {}, { timeoutMs: 60 });
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write(post('/slow'));
  const answered: string[] = [];
  socket.on('data', (bytes) => answered.push(bytes.toString()));
  await until(() => answered.join('').endsWith('begun\r\n'));
  socket.write('rested');
  await once(socket, 'close');
  assert.deepEqual(lines, ['200 UT response_timeout']);
});

test('a stream lasts no longer than the connection manager says: 408, 504, or it is cut off', async (t) => {
  const { port, lines, stat } = await limited(t, { maxStreamDurationMs: 40 });
  assert.match(await exchangeRaw(port, post('/')), /^HTTP\/1\.1 408 /);
  assert.equal((await ask(port)).body, 'downstream duration timeout');
  await assert.rejects(ask(port, '/slow'));
  assert.deepEqual(lines, [
    '408 - max_duration_timeout',
    '504 - max_duration_timeout',
    '200 - max_duration_timeout',
  ]);
  assert.equal(stat('downstream_rq_max_duration_reached'), 3);
  assert.equal(stat('downstream_rq_active'), 0);
});

test('a stream is idle from the last that came on it, whenever that was', async (t) => {
  const clock = new TestClock();
  let answer: ServerResponse | undefined;
  const { port: up } = await upstream(t, (_request, response) => {
    answer = response;
    response.write('begun');
  });
  const { port, dataPlane } = await serveHttp(
    t,
    [defaultRoute({ ...defaultForward('up'), timeoutMs: 0 })],
    [cluster('up', [up])],
    { streamIdleTimeoutMs: 8_000 },
    { clock },
  );
  const client = request({ port, host: '127.0.0.1', agent: false }).end();
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  const broken = once(response, 'error');
  await once(response, 'data');
  clock.advance(1_000);
  answer?.write('more');
  await once(response, 'data');
  clock.advance(7_500);
  assert.equal(statOf(dataPlane, 'http.http.downstream_rq_idle_timeout'), 0);
  clock.advance(1_500);
  assert.equal(statOf(dataPlane, 'http.http.downstream_rq_idle_timeout'), 1);
  await broken;
});

test('a route has a duration and an idle time of its own, also by the deadline of gRPC', async (t) => {
  const byRoute = await limited(t, { maxStreamDurationMs: 60_000 }, { maxStreamDurationMs: 30 });
  assert.equal((await ask(byRoute.port)).status, 504);
  const off = await limited(t, { maxStreamDurationMs: 20 }, { maxStreamDurationMs: 0, timeoutMs: 60 });
  assert.equal((await ask(off.port)).body, 'upstream request timeout');
  const grpc = await limited(t, {}, { grpcTimeoutHeaderMaxMs: 50, grpcTimeoutHeaderOffsetMs: 10 });
  const headers = { 'grpc-timeout': '1H', 'content-type': 'application/grpc' };
  const late = await ask(grpc.port, '/', { headers });
  assert.equal(late.headers['grpc-message'], 'downstream duration timeout');
  // DEADLINE_EXCEEDED, by which a client of gRPC knows that its own time is over.
  assert.equal(late.headers['grpc-status'], '4');
  const idle = await limited(t, {}, { idleTimeoutMs: 30 });
  assert.equal((await ask(idle.port)).body, 'stream timeout');
  await assert.rejects(ask(idle.port, '/slow'));
  assert.deepEqual(idle.lines, ['504 SI stream_idle_timeout', '200 SI stream_idle_timeout']);
  assert.equal(idle.stat('downstream_rq_idle_timeout'), 2);
});

test('a head that does not end in its time is answered by 408 and counted as such', async (t) => {
  const { port, stat } = await limited(t, { requestHeadersTimeoutMs: 30 });
  assert.match(await exchangeRaw(port, 'GET / HTTP/1.1\r\nhost: a\r\n'), /^HTTP\/1\.1 408 /);
  assert.equal(stat('downstream_rq_header_timeout'), 1);
  assert.equal(stat('downstream_rq_timeout'), 0);
});

test('a stream that waits again and again keeps only what it still waits for', () => {
  let cancelled = 0;
  class CountingClock extends TestClock {
    override after(delayMs: number, run: () => void): Timer {
      const timer = super.after(delayMs, run);
      return {
        cancel() {
          cancelled++;
          timer.cancel();
        },
      };
    }
  }
  const clock = new CountingClock();
  const limits = new StreamLimits(new CoarseTimers(new Turn(), clock));
  let ran = 0;
  for (let i = 0; i < 100; i++) {
    limits.wait(clock, 50, () => ran++);
    clock.advance(50);
  }
  limits.wait(clock, 50, () => ran++);
  limits.stop();
  clock.advance(50);
  assert.deepEqual([ran, cancelled], [100, 1]);
});

test('endpoints are told the gRPC deadline that holds: what is asked for, at most the cap, less the offset', async (t) => {
  const told: (string | undefined)[] = [];
  const { port: up } = await upstream(t, (request, response) => {
    told.push(request.headers['grpc-timeout'] as string | undefined);
    response.end();
  });
  const limits = { grpcTimeoutHeaderMaxMs: 3_000, grpcTimeoutHeaderOffsetMs: 500 };
  const { port } = await serveHttp(
    t,
    [defaultRoute({ ...defaultForward('up'), ...limits })],
    [cluster('up', [up])],
  );
  for (const value of ['2S', '50S']) {
    const headers = { 'content-type': 'application/grpc', 'grpc-timeout': value };
    await ask(port, '/s/m', { method: 'POST', headers });
  }
  assert.deepEqual(told, ['1500m', '2500m']);
});
