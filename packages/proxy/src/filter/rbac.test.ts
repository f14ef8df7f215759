import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { lineLogger, TestClock } from '@lateen/core';
import { RequestHead } from '../codec/head.ts';
import { headerName } from '../codec/header-name.ts';
import { compileRbac, type RbacSubject } from '../decide/rbac.ts';
import {
  defaultFilterChain,
  defaultListener,
  defaultLocalRateLimit,
  defaultTcpProxy,
  type HttpFilter,
  type NetworkFilter,
} from '../model/index.ts';
import type { RbacCondition, RbacRules } from '../model/rbac.ts';
import { filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import {
  ask,
  cluster,
  exchangeRaw,
  portOf,
  routeTo,
  serveHttp,
  startDataPlane,
  tcpUpstream,
  upstream,
} from '../testing/harness.ts';

const any: RbacCondition = { kind: 'any' };
const exact = (value: string) => ({ kind: 'exact', value }) as const;

function rules(
  action: RbacRules['action'],
  permission: RbacCondition,
  principal: RbacCondition = any,
): RbacRules {
  return { action, policies: [{ name: 'p', permissions: [permission], principals: [principal] }] };
}

const productpage = 'spiffe://cluster.local/ns/default/sa/productpage';

function subject(more: Partial<RbacSubject> = {}): RbacSubject {
  const request = new RequestHead();
  request.method = 'GET';
  request.authority = 'reviews:9080';
  request.path = '/admin?x=1';
  request.headers.add(headerName('x-team'), 'blue');
  const address = { kind: 'socket', address: '10.0.0.9', port: 9080 } as const;
  return {
    request,
    destination: address,
    directRemote: { ...address, address: '10.1.2.3' },
    source: { ...address, address: '192.0.2.1' },
    remote: { ...address, address: '203.0.113.7' },
    serverName: 'reviews.default',
    peer: {
      peerUriSans: ['https://other', productpage, 'spiffe://cluster.local/ns/default/sa/second'],
      peerDnsSans: ['productpage.test'],
      peerSubject: 'CN=page',
    },
    metadata: undefined,
    ...more,
  };
}

test('each condition looks at its own part of the request or of the connection', () => {
  const header = (name: string, value: string): RbacCondition => ({
    kind: 'header',
    header: {
      name,
      match: { kind: 'string', string: exact(value) },
      invert: false,
      treatMissingAsEmpty: false,
    },
  });
  const range = (address: string, prefixLength: number) => ({ address, prefixLength });
  const table: readonly (readonly [RbacCondition, boolean])[] = [
    [{ kind: 'path', path: exact('/admin') }, true],
    [{ kind: 'path', path: exact('/admin?x=1') }, false],
    [header(':method', 'GET'), true],
    [header('x-team', 'red'), false],
    [{ kind: 'destination_port', start: 9080, end: 9081 }, true],
    [{ kind: 'destination_port', start: 9081, end: 9090 }, false],
    [{ kind: 'destination_ip', range: range('10.0.0.0', 8) }, true],
    [{ kind: 'direct_remote_ip', range: range('10.1.0.0', 16) }, true],
    [{ kind: 'direct_remote_ip', range: range('192.0.2.0', 24) }, false],
    [{ kind: 'source_ip', range: range('192.0.2.0', 24) }, true],
    [{ kind: 'source_ip', range: range('10.1.0.0', 16) }, false],
    [{ kind: 'remote_ip', range: range('10.1.0.0', 16) }, false],
    [{ kind: 'remote_ip', range: range('203.0.113.7', 32) }, true],
    [{ kind: 'remote_ip', range: range('::', 0) }, false],
    [{ kind: 'server_name', name: { kind: 'suffix', value: '.default' } }, true],
    [{ kind: 'authenticated' }, true],
    [{ kind: 'authenticated', name: { kind: 'regex', regex: '.*/ns/default/.*' } }, true],
    [{ kind: 'authenticated', name: exact('spiffe://cluster.local/ns/other/sa/productpage') }, false],
    [{ kind: 'authenticated', name: exact('spiffe://cluster.local/ns/default/sa/second') }, true],
    [{ kind: 'authenticated', name: exact('productpage.test') }, true],
    [{ kind: 'authenticated', name: exact('CN=page') }, true],
    [{ kind: 'authenticated', name: exact('') }, false],
    [{ kind: 'peer_principal', name: exact(productpage) }, true],
    [{ kind: 'peer_principal', name: exact('spiffe://cluster.local/ns/default/sa/second') }, false],
    [{ kind: 'peer_principal', name: exact('productpage.test') }, false],
    [{ kind: 'not', condition: any }, false],
    [{ kind: 'and', conditions: [any, header('x-team', 'blue')] }, true],
    [{ kind: 'or', conditions: [header('x-team', 'red'), any] }, true],
    [{ kind: 'or', conditions: [] }, false],
  ];
  for (const [condition, expected] of table) {
    const { allowed } = compileRbac(rules('allow', condition))(subject());
    assert.equal(allowed, expected, JSON.stringify(condition));
  }
  const tcp = subject({ request: undefined, peer: undefined });
  assert.equal(compileRbac(rules('allow', header(':method', 'GET')))(tcp).allowed, false);
  assert.equal(compileRbac(rules('allow', any, { kind: 'authenticated' }))(tcp).allowed, false);
});

test('who speaks TLS is authenticated also without a certificate, by an empty name', () => {
  const anything = { kind: 'regex', regex: '.*' } as const;
  const conditions: readonly (readonly [RbacCondition, boolean])[] = [
    [{ kind: 'authenticated' }, true],
    [{ kind: 'authenticated', name: exact('') }, true],
    [{ kind: 'authenticated', name: anything }, true],
    [{ kind: 'authenticated', name: { kind: 'regex', regex: '.+' } }, false],
    [{ kind: 'peer_principal', name: anything }, false],
  ];
  const anonymous = subject({ peer: { peerUriSans: [], peerDnsSans: [], peerSubject: '' } });
  const plain = subject({ peer: undefined });
  for (const [condition, expected] of conditions) {
    const decide = compileRbac(rules('deny', any, condition));
    assert.equal(decide(anonymous).allowed, !expected, JSON.stringify(condition));
    assert.equal(decide(plain).allowed, true, JSON.stringify(condition));
  }
});

test('without a policy, allow lets nobody pass and deny everybody; log lets all', () => {
  const verdict = (action: RbacRules['action'], condition: RbacCondition) =>
    compileRbac(rules(action, condition))(subject());
  const never: RbacCondition = { kind: 'not', condition: any };
  assert.deepEqual(compileRbac({ action: 'allow', policies: [] })(subject()).allowed, false);
  assert.deepEqual(compileRbac({ action: 'deny', policies: [] })(subject()).allowed, true);
  assert.deepEqual(verdict('deny', any), { allowed: false, policy: 'p' });
  assert.deepEqual(verdict('deny', never), { allowed: true, policy: undefined });
  assert.deepEqual(verdict('log', never), { allowed: true, policy: undefined });
});

const router: HttpFilter = {
  name: 'envoy.filters.http.router',
  config: { kind: 'router', suppressEnvoyHeaders: false },
  disabled: false,
};

test('a request that may not pass is 403 with the flag and the policy in the log, and a route may decide otherwise', async (t) => {
  const app = await upstream(t, (_request, response) => response.end('hello'));
  const lines: string[] = [];
  const deny = rules('deny', { kind: 'path', path: { kind: 'prefix', value: '/secret' } });
  const open = routeTo('c');
  const { port, dataPlane } = await serveHttp(
    t,
    [
      {
        ...open,
        match: { ...open.match, path: { kind: 'exact', value: '/secret/but/open' } },
        filterConfig: { rbac: { kind: 'disabled' } },
      },
      {
        ...open,
        match: { ...open.match, path: { kind: 'exact', value: '/closed' } },
        filterConfig: { rbac: { kind: 'rbac', rules: { action: 'allow', policies: [] } } },
      },
      open,
    ],
    [cluster('c', [app.port])],
    {
      httpFilters: [
        { name: 'rbac', config: { kind: 'rbac', rules: deny, shadowRules: deny }, disabled: false },
        router,
      ],
      accessLogs: [
        {
          name: 'log',
          sink: { kind: 'stdout' },
          format: { kind: 'text', text: '%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n' },
        },
      ],
    },
    { writeAccessLog: (_sink, text) => lines.push(text) },
  );
  assert.equal((await ask(port, '/')).status, 200);
  const denied = await ask(port, '/secret/1');
  assert.deepEqual([denied.status, denied.body], [403, 'RBAC: access denied']);
  assert.equal((await ask(port, '/secret/but/open')).status, 200);
  assert.equal((await ask(port, '/closed')).status, 403);
  assert.deepEqual(lines.slice(1, 2), ['- rbac_access_denied_matched_policy[p]\n']);
  assert.match(dataPlane.stats.text(), /^http\.http\.rbac\.allowed: 1$/m);
  assert.match(dataPlane.stats.text(), /^http\.http\.rbac\.denied: 2$/m);
  assert.match(dataPlane.stats.text(), /^http\.http\.rbac\.shadow_denied: 1$/m);
});

test('requests beyond the local limit are 429 with the flag, where it is enforced', async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const all = { numerator: 100, denominator: 100 } as const;
  const bucket = { maxTokens: 2, tokensPerFill: 1, fillIntervalMs: 60_000 };
  const limit = { ...defaultLocalRateLimit, bucket, statPrefix: 'l' };
  const serve = (more: object) =>
    serveHttp(t, [routeTo('c')], [cluster('c', [app.port])], {
      httpFilters: [
        {
          name: 'limit',
          config: { kind: 'local_rate_limit', limit: { ...limit, ...more } },
          disabled: false,
        },
        router,
      ],
    });
  const enforced = await serve({ enabled: all, enforced: all });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await ask(enforced.port)).status);
  assert.deepEqual(statuses, [200, 200, 429, 429]);
  // As Envoy: the header is that of rate limit services.
  assert.equal((await ask(enforced.port)).headers['x-envoy-ratelimited'], undefined);
  assert.match(enforced.dataPlane.stats.text(), /^l\.http_local_rate_limit\.enforced: 3$/m);
  const onlyCounted = await serve({ enabled: all });
  for (let i = 0; i < 4; i++) assert.equal((await ask(onlyCounted.port)).status, 200);
  assert.match(onlyCounted.dataPlane.stats.text(), /^l\.http_local_rate_limit\.rate_limited: 2$/m);
});

function tcpListener(filters: readonly NetworkFilter[]) {
  const address = { kind: 'socket', address: '127.0.0.1', port: 0 } as const;
  return defaultListener('main', address, [defaultFilterChain(filters)]);
}

test('a connection that may not pass is closed before a byte of it is read', async (t) => {
  const echo = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const plane = startDataPlane(t);
  const only = (address: string): NetworkFilter => ({
    name: 'rbac',
    kind: 'rbac',
    statPrefix: 'tcp.',
    isContinuous: false,
    rules: rules('allow', any, { kind: 'direct_remote_ip', range: { address, prefixLength: 8 } }),
  });
  const { refused } = await plane.update({
    clusters: { set: [cluster('echo', [echo])] },
    listeners: {
      set: [
        { ...tcpListener([only('127.0.0.0'), defaultTcpProxy('echo')]), name: 'open' },
        { ...tcpListener([only('10.0.0.0'), defaultTcpProxy('echo')]), name: 'closed' },
      ],
    },
  });
  assert.deepEqual(refused, []);
  assert.equal(await exchangeRaw(portOf(plane, 'open'), 'hello', { end: true }), 'hello');
  assert.equal(await exchangeRaw(portOf(plane, 'closed'), 'hello', { end: true }), '');
  assert.match(plane.stats.text(), /^tcp\.rbac\.denied: 1$/m);
});

test('rules look at what shadow rules of the same filter have said', async (t) => {
  const echo = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const plane = startDataPlane(t);
  const said: RbacCondition = {
    kind: 'metadata',
    match: {
      namespace: 'envoy.filters.network.rbac',
      path: ['shadow_engine_result'],
      value: { kind: 'string', match: exact('denied') },
      invert: false,
    },
  };
  const { refused } = await plane.update({
    clusters: { set: [cluster('echo', [echo])] },
    listeners: {
      set: [
        tcpListener([
          {
            name: 'rbac',
            kind: 'rbac',
            statPrefix: 'tcp.',
            isContinuous: false,
            rules: rules('deny', said),
            shadowRules: rules('deny', any),
          },
          defaultTcpProxy('echo'),
        ]),
      ],
    },
  });
  assert.deepEqual(refused, []);
  assert.equal(await exchangeRaw(portOf(plane), 'hello', { end: true }), '');
  assert.match(plane.stats.text(), /^tcp\.rbac\.denied: 1$/m);
});

test('no more connections are served at once than the limit, and a place that is given back is taken again', async (t) => {
  const echo = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const plane = startDataPlane(t);
  await plane.update({
    clusters: { set: [cluster('echo', [echo])] },
    listeners: {
      set: [
        tcpListener([
          { name: 'limit', kind: 'connection_limit', statPrefix: 'l', maxConnections: 1, delayMs: 0 },
          defaultTcpProxy('echo'),
        ]),
      ],
    },
  });
  const port = portOf(plane);
  const first = connect(port, '127.0.0.1');
  first.write('x');
  await new Promise((resolve) => first.once('data', resolve));
  assert.equal(await exchangeRaw(port, 'second', { end: true }), '');
  const closed = new Promise((resolve) => first.once('close', resolve));
  first.end();
  await closed;
  for (let answer = ''; answer !== 'third'; ) answer = await exchangeRaw(port, 'third', { end: true });
});

test('connections beyond the rate of a listener are closed and counted', async (t) => {
  const echo = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const clock = new TestClock();
  const plane = startDataPlane(t, { clock });
  const bucket = { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1_000 };
  const { refused } = await plane.update({
    clusters: { set: [cluster('echo', [echo])] },
    listeners: {
      set: [
        tcpListener([
          { name: 'rate', kind: 'local_rate_limit', statPrefix: 'tcp', bucket },
          defaultTcpProxy('echo'),
        ]),
      ],
    },
  });
  assert.deepEqual(refused, []);
  const say = () => exchangeRaw(portOf(plane), 'hello', { end: true });
  assert.deepEqual([await say(), await say()], ['hello', '']);
  clock.advance(1_000);
  assert.equal(await say(), 'hello');
  assert.match(plane.stats.text(), /^local_rate_limit\.tcp\.rate_limited: 1$/m);
});

test('paths are permitted by templates, and a template that is none is refused', async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const serve = (template: string) =>
    serveEnvoy(
      t,
      {
        route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'c' } }]),
        http_filters: [
          {
            name: 'rbac',
            typed_config: {
              '@type': `${filterTypes}.rbac.v3.RBAC`,
              rules: {
                policies: {
                  users: {
                    principals: [{ any: true }],
                    permissions: [
                      {
                        uri_template: {
                          name: 'uri-template',
                          typed_config: {
                            '@type':
                              'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
                            path_template: template,
                          },
                        },
                      },
                    ],
                  },
                },
              },
            },
          },
          routerJson,
        ],
      },
      [cluster('c', [app.port])],
    );
  const { port } = await serve('/users/*/cart');
  assert.equal((await ask(port, '/users/jason/cart?x=1')).status, 200);
  assert.equal((await ask(port, '/users/jason/old/cart')).status, 403);
  await assert.rejects(serve('/users/{a'), /http_filters\[0\]/);
});

test('the log says which policy decided, where it is to tell', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('in'));
  const lines: string[] = [];
  const logger = lineLogger({
    write: (line) => lines.push(line),
    level: (scope) => (scope === 'rbac' ? 'debug' : 'off'),
  });
  const filter: HttpFilter = {
    name: 'rbac',
    disabled: false,
    config: {
      kind: 'rbac',
      rules: rules('deny', { kind: 'path', path: exact('/secret') }),
      shadowRules: rules('allow', { kind: 'path', path: exact('/open') }),
    },
  };
  const { port } = await serveHttp(
    t,
    [routeTo('up')],
    [cluster('up', [up])],
    { httpFilters: [filter, router] },
    { logger },
  );
  assert.equal((await ask(port, '/secret')).status, 403);
  assert.equal((await ask(port, '/open')).status, 200);
  const told = lines.map((line) => line.split('\t').slice(1));
  assert.deepEqual(
    told.map(([level, scope, message]) => `${level} ${scope} ${message}`),
    [
      'debug rbac shadow denied, matched policy none',
      'debug rbac enforced denied, matched policy p',
      'debug rbac shadow allowed, matched policy p',
      'debug rbac enforced allowed, matched policy none',
    ],
  );
  assert.ok(told[1]?.includes('path=/secret'), String(told[1]));
});
