import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TestClock } from '@lateen/core';
import type { Cluster } from '../../model/index.ts';
import type { DataPlaneOptions } from '../../data-plane.ts';
import {
  clusterFromJson,
  filterTypes,
  listenerFromJson,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../../testing/envoy-config.ts';
import { ask, cluster, endpoint, upstream, type Closers } from '../../testing/harness.ts';
import { decodeSessionCookie, encodeSessionCookie } from './session-state.ts';

const states = 'type.googleapis.com/envoy.extensions.http.stateful_session';
const all = { match: { prefix: '/' }, route: { cluster: 'up' } };

function cookieState(cookie: object): object {
  return {
    name: 'envoy.http.stateful_session.cookie',
    typed_config: { '@type': `${states}.cookie.v3.CookieBasedSessionState`, cookie },
  };
}

function headerState(name: string): object {
  return {
    name: 'envoy.http.stateful_session.header',
    typed_config: { '@type': `${states}.header.v3.HeaderBasedSessionState`, name },
  };
}

function sessions(session_state?: object, more: object = {}): object {
  return {
    name: 'sessions',
    typed_config: {
      '@type': `${filterTypes}.stateful_session.v3.StatefulSession`,
      ...(session_state === undefined ? {} : { session_state }),
      ...more,
    },
  };
}

/** Endpoints that answer with their number, and a proxy that sends requests to them in turn. */
async function start(
  t: Closers,
  filter: object,
  {
    routes = [all],
    options = {},
    model,
  }: {
    readonly routes?: readonly object[];
    readonly options?: DataPlaneOptions;
    readonly model?: (ports: readonly number[]) => Cluster;
  } = {},
) {
  const ports: number[] = [];
  for (let i = 0; i < 3; i++) {
    const { port } = await upstream(t, (_, response) => void response.end(String(i)));
    ports.push(port);
  }
  const { port, dataPlane } = await serveEnvoy(
    t,
    { route_config: routesJson(routes), http_filters: [filter, routerJson] },
    [model?.(ports) ?? clusterFromJson('up', ports)],
    options,
  );
  const bodies = async (count: number, headers: Record<string, string>, path = '/'): Promise<string> => {
    let text = '';
    for (let i = 0; i < count; i++) text += (await ask(port, path, { headers })).body;
    return text;
  };
  return { port, dataPlane, ports, bodies };
}

/** The cookie of an answer, as a client sends it back. */
function cookieOf(headers: Awaited<ReturnType<typeof ask>>['headers']): string {
  const line = headers['set-cookie']?.[0] ?? '';
  return line.slice(0, line.indexOf(';'));
}

test('a client comes back to its endpoint by the cookie that it got, and gets no other', async (t) => {
  const { port, bodies } = await start(t, sessions(cookieState({ name: 'session', path: '/' })));
  const first = await ask(port);
  assert.match(first.headers['set-cookie']?.[0] ?? '', /^session="[\w+/=]+"; Path=\/; HttpOnly$/);
  const cookie = cookieOf(first.headers);
  assert.equal(await bodies(4, { cookie: `a=b; ${cookie}` }), first.body.repeat(4));
  assert.equal((await ask(port, '/', { headers: { cookie } })).headers['set-cookie'], undefined);
});

test('a cookie ends with its time, and then another endpoint may serve', async (t) => {
  const clock = new TestClock();
  const { port, bodies } = await start(t, sessions(cookieState({ name: 's', ttl: '10s' })), {
    options: { clock },
  });
  const first = await ask(port);
  assert.match(first.headers['set-cookie']?.[0] ?? '', /; Max-Age=10; HttpOnly$/);
  const cookie = cookieOf(first.headers);
  assert.equal(await bodies(3, { cookie }), first.body.repeat(3));
  clock.advance(10_000);
  assert.equal(new Set(await bodies(3, { cookie })).size, 3);
});

test('a cookie of an older proxy, the address alone, is understood', async (t) => {
  const { ports, bodies } = await start(t, sessions(cookieState({ name: 's' })));
  const cookie = `s=${Buffer.from(`127.0.0.1:${ports[1]}`).toString('base64')}`;
  assert.equal(await bodies(3, { cookie }), '111');
});

test('requests outside of the path of the cookie belong to no session', async (t) => {
  const { port } = await start(t, sessions(cookieState({ name: 's', path: '/app' })));
  for (const [path, given] of [
    ['/app', true],
    ['/app/x', true],
    ['/app?x', true],
    ['/apple', false],
    ['/', false],
  ] as const) {
    assert.equal((await ask(port, path)).headers['set-cookie'] !== undefined, given, path);
  }
});

test('a session may be kept in a header', async (t) => {
  const { port, ports, bodies } = await start(t, sessions(headerState('x-session')));
  const first = await ask(port);
  const value = String(first.headers['x-session']);
  assert.equal(Buffer.from(value, 'base64').toString(), `127.0.0.1:${ports[Number(first.body)]}`);
  assert.equal(await bodies(4, { 'x-session': value }), first.body.repeat(4));
});

test('where the endpoint is gone another takes over, or with strict nobody', async (t) => {
  const gone = Buffer.from('127.0.0.1:1').toString('base64');
  const lenient = await start(t, sessions(headerState('x-session')));
  const answer = await ask(lenient.port, '/', { headers: { 'x-session': gone } });
  assert.equal(answer.status, 200);
  assert.notEqual(answer.headers['x-session'], undefined);
  const strict = await start(t, sessions(headerState('x-session'), { strict: true }));
  assert.equal((await ask(strict.port, '/', { headers: { 'x-session': gone } })).status, 503);
  assert.equal((await ask(strict.port)).status, 200);
});

test('endpoints that drain keep their sessions only where the cluster says so', async (t) => {
  const statuses = { statuses: ['HEALTHY', 'UNKNOWN', 'DRAINING', 'DEGRADED'] };
  const draining =
    (more: object) =>
    (ports: readonly number[]): Cluster => ({
      ...clusterFromJson('up', [], more),
      loadAssignment: cluster(
        'up',
        ports.map((port, i) => endpoint(port, i === 0 ? { healthStatus: 'draining' } : {})),
      ).loadAssignment!,
    });
  const header = (ports: readonly number[]) => ({
    'x-session': Buffer.from(`127.0.0.1:${ports[0]}`).toString('base64'),
  });
  const kept = await start(t, sessions(headerState('x-session')), {
    model: draining({ common_lb_config: { override_host_status: statuses } }),
  });
  assert.equal(await kept.bodies(3, header(kept.ports)), '000');
  assert.doesNotMatch(await kept.bodies(4, {}), /0/);
  const lost = await start(t, sessions(headerState('x-session')), { model: draining({}) });
  assert.doesNotMatch(await lost.bodies(3, header(lost.ports)), /0/);
});

test('a further try may go to another endpoint than that of the session', async (t) => {
  const retrying = {
    match: { prefix: '/' },
    route: { cluster: 'up', retry_policy: { retry_on: 'connect-failure', num_retries: 3 } },
  };
  const { port, ports } = await start(t, sessions(headerState('x-session')), {
    routes: [retrying],
    model: (list) => clusterFromJson('up', [1, ...list]),
  });
  assert.equal(ports.length, 3);
  const headers = { 'x-session': Buffer.from('127.0.0.1:1').toString('base64') };
  assert.equal((await ask(port, '/', { headers })).status, 200);
});

test('routes may have sessions of their own, or none', async (t) => {
  const perRoute = (config: object): object => ({
    sessions: { '@type': `${filterTypes}.stateful_session.v3.StatefulSessionPerRoute`, ...config },
  });
  const own = { stateful_session: { session_state: headerState('x-own') } };
  const { port } = await start(t, sessions(), {
    routes: [
      { ...all, match: { prefix: '/own' }, typed_per_filter_config: perRoute(own) },
      { ...all, match: { prefix: '/off' }, typed_per_filter_config: perRoute({ disabled: true }) },
      all,
    ],
  });
  assert.notEqual((await ask(port, '/own')).headers['x-own'], undefined);
  for (const path of ['/off', '/']) assert.equal((await ask(port, path)).headers['x-own'], undefined);
});

test('a session that cannot be kept is refused with its path', () => {
  assert.throws(
    () => listenerFromJson({ http_filters: [sessions(cookieState({ name: '' })), routerJson] }),
    /session_state\.typed_config\.cookie\.name/,
  );
  assert.throws(
    () => listenerFromJson({ http_filters: [sessions(headerState('a b')), routerJson] }),
    /session_state\.typed_config\.name/,
  );
});

test('cookies are read as they were written, and any bytes are read without an error', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.nat(65_535), fc.nat(), (ip, port, expires) => {
      const address = `${ip}:${port}`;
      assert.deepEqual(decodeSessionCookie(encodeSessionCookie(address, expires)), { address, expires });
    }),
  );
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeSessionCookie(bytes)));
});
