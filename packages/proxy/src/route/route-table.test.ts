import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LazyHashFunction } from '../cluster/balancer/hash-function.ts';
import { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import type { RoutedRequest } from '../decide/route-match.ts';
import {
  defaultForward,
  defaultRoute,
  defaultRouteConfiguration,
  defaultVirtualHost,
  heldVirtualHost,
  type RedirectAction,
  type Route,
  type RouteConfiguration,
  type VirtualHostSource,
} from '../model/index.ts';
import { wholly } from '../timer/in-slices.ts';
import { compileRouteTable, routeTableParts, type RouteTable } from './route-table.ts';
import type { RouteCompileContext } from './virtual-host.ts';

const context: RouteCompileContext = {
  clusterRef: (name) => ({ name, cluster: undefined }),
  requestedCluster: (name) => ({ name, cluster: undefined }),
  hash: new LazyHashFunction(),
};

function request(authority: string, path = '/'): RoutedRequest {
  const head = { method: 'GET', scheme: 'http', authority, path, headers: new HeaderBlock() };
  return { head, draw: 0, dynamicMetadata: undefined };
}

function compile(config: RouteConfiguration): RouteTable {
  const compiled = compileRouteTable(config, context);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.value;
}

function at(path: string, route: Route): Route {
  return { ...route, match: { ...route.match, path: { kind: 'prefix', value: path } } };
}

test('the first route that matches is taken, from the virtual host of the name', () => {
  const table = compile(
    defaultRouteConfiguration('r', [
      defaultVirtualHost(
        'reviews',
        ['reviews', 'reviews:9080'],
        [
          at('/v2', defaultRoute(defaultForward('v2'), 'two')),
          defaultRoute(defaultForward('v1'), 'one'),
          at('/v2/never', defaultRoute(defaultForward('v3'), 'three')),
        ],
      ),
      defaultVirtualHost('any', ['*'], [defaultRoute(defaultForward('pass'), 'pass')]),
    ]),
  );
  const name = (host: string, path: string) => table.find(request(host, path))?.route.name;
  assert.equal(name('reviews', '/v2/never'), 'two');
  assert.equal(name('Reviews:9080', '/x?/v2'), 'one');
  assert.equal(name('reviews:80', '/'), 'pass');
});

test('ports are left out of the comparison where the table says so', () => {
  const table = compile({
    ...defaultRouteConfiguration('r', [defaultVirtualHost('a', ['a'], [defaultRoute(defaultForward('c'))])]),
    ignorePortInHostMatching: true,
  });
  assert.notEqual(table.find(request('a:8080')), undefined);
  assert.equal(table.find(request('b:8080')), undefined);
});

test('a domain that is there twice is told with its place', () => {
  const routes = [defaultRoute(defaultForward('c'))];
  const compiled = compileRouteTable(
    defaultRouteConfiguration('r', [
      defaultVirtualHost('one', ['a', '*'], routes),
      defaultVirtualHost('two', ['A'], routes),
    ]),
    context,
  );
  assert.ok(!compiled.ok);
  assert.deepEqual(
    compiled.problems.map(({ path }) => path),
    ['virtual_hosts[1].domains'],
  );
});

test('a table that wants its clusters to be there is refused without them', () => {
  const table = (validateClusters: boolean) => ({
    ...defaultRouteConfiguration('r', [
      defaultVirtualHost('a', ['a'], [defaultRoute(defaultForward('nowhere'))]),
    ]),
    validateClusters,
  });
  const compiled = compileRouteTable(table(true), context);
  assert.ok(!compiled.ok);
  assert.deepEqual(compiled.problems, [
    { path: 'virtual_hosts[0].routes[0].route', message: 'unknown cluster "nowhere"' },
  ]);
  assert.ok(compileRouteTable(table(false), context).ok);
});

test('a virtual host is read when a request asks for it, and ahead where it was asked for before or is large', () => {
  const read: string[] = [];
  const source = (name: string, routes: number): VirtualHostSource => {
    const host = heldVirtualHost(
      defaultVirtualHost(
        name,
        [name],
        Array.from({ length: routes }, () => defaultRoute(defaultForward('c'))),
      ),
    );
    return {
      ...host,
      read() {
        read.push(name);
        return host.read();
      },
    };
  };
  const config = {
    ...defaultRouteConfiguration('r', []),
    virtualHosts: [source('asked', 1), source('other', 1), source('large', 1_000)],
  };
  const take = (): string[] => read.splice(0);
  const table = compile(config);
  assert.deepEqual(take(), ['large']);
  assert.notEqual(table.find(request('asked')), undefined);
  assert.notEqual(table.find(request('asked')), undefined);
  assert.deepEqual(take(), ['asked']);
  assert.ok(table.takes('other'));
  const next = wholly(routeTableParts(config, context, table));
  assert.ok(next.ok);
  assert.deepEqual(take(), ['asked', 'large']);
  assert.notEqual(next.value.find(request('asked')), undefined);
  assert.deepEqual(take(), []);
  assert.notEqual(next.value.find(request('other')), undefined);
  assert.deepEqual(take(), ['other']);
});

test('what is compiled of a virtual host serves in later tables while neither it nor their settings change', () => {
  const host = (name: string): VirtualHostSource =>
    heldVirtualHost(defaultVirtualHost(name, [name], [defaultRoute(defaultForward('c'))]));
  const settingsBytes = Buffer.from('settings');
  const [kept, changed] = [host('kept'), host('changed')];
  const config = { ...defaultRouteConfiguration('r', []), virtualHosts: [kept, changed], settingsBytes };
  const first = compile(config);
  const next = (own: RouteConfiguration, before: RouteTable): RouteTable => {
    const compiled = wholly(routeTableParts(own, context, before));
    assert.ok(compiled.ok);
    return compiled.value;
  };
  const routes = (table: RouteTable) => ['kept', 'changed'].map((name) => table.find(request(name)));
  const before = routes(first);
  const second = next({ ...config, virtualHosts: [host('changed'), kept] }, first);
  const after = routes(second);
  assert.equal(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
  const third = next({ ...config, settingsBytes: Buffer.from('settings'), virtualHosts: [kept] }, second);
  assert.notEqual(routes(third)[0], after[0]);
  // Nobody has asked the third table's successor for it: it is not kept.
  const unasked = next({ ...third.config }, next({ ...third.config }, third));
  assert.deepEqual([...unasked.askedHosts()], []);
});

const redirects: readonly [Partial<RedirectAction>, string, string, string][] = [
  [{ host: 'other' }, 'a:8080', '/x?y=1', 'http://other/x?y=1'],
  [{ scheme: 'https' }, 'a:80', '/x', 'https://a/x'],
  [{ scheme: 'https' }, 'a:8080', '/x', 'https://a:8080/x'],
  [{ scheme: 'https', port: 443 }, 'a:8080', '/x', 'https://a/x'],
  [{ port: 8443 }, 'a', '/x', 'http://a:8443/x'],
  [{ path: { kind: 'full', value: '/new' } }, 'a', '/old/x?y=1', 'http://a/new?y=1'],
  [{ path: { kind: 'prefix', value: '/new' } }, 'a', '/old/x?y=1', 'http://a/new/x?y=1'],
  [{ path: { kind: 'full', value: '/new' }, stripQuery: true }, 'a', '/old?y=1', 'http://a/new'],
  [
    { path: { kind: 'regex', rewrite: { regex: '^/old/(.*)$', substitution: '/n/\\1' } } },
    'a',
    '/old/x',
    'http://a/n/x',
  ],
];

for (const [action, host, path, location] of redirects) {
  test(`a redirect of ${host}${path} by ${JSON.stringify(action)} leads to ${location}`, () => {
    const table = compile(
      defaultRouteConfiguration('r', [
        defaultVirtualHost(
          'v',
          ['*'],
          [
            at('/old', defaultRoute({ kind: 'redirect', status: 301, stripQuery: false, ...action })),
            defaultRoute({ kind: 'redirect', status: 301, stripQuery: false, ...action }),
          ],
        ),
      ]),
    );
    const asked = request(host, path);
    const found = table.find(asked)?.action;
    assert.equal(found?.kind === 'redirect' ? found.redirect(asked.head) : '', location);
  });
}

/** A route that a regular expression leads to. */
function byRegex(regex: string, route: Route): Route {
  return { ...route, match: { ...route.match, path: { kind: 'regex', regex } } };
}

test('a prefix put in the place of what a regular expression matched takes all of the path', () => {
  const prefix = { kind: 'prefix' as const, value: '/whole' };
  const table = compile(
    defaultRouteConfiguration('r', [
      defaultVirtualHost(
        'v',
        ['*'],
        [
          byRegex('/a/.*', defaultRoute({ ...defaultForward('c'), prefixRewrite: '/whole' })),
          byRegex('/b/.*', defaultRoute({ kind: 'redirect', status: 301, stripQuery: false, path: prefix })),
        ],
      ),
    ]),
  );
  const forward = table.find(request('a', '/a/x?y=1'))?.action;
  assert.ok(forward?.kind === 'forward');
  assert.equal(forward.rewritePath?.('/a/x?y=1'), '/whole?y=1');
  const asked = request('a', '/b/x?y=1');
  const redirect = table.find(asked)?.action;
  assert.ok(redirect?.kind === 'redirect');
  assert.equal(redirect.redirect(asked.head), 'http://a/whole?y=1');
});

test('prefixes and paths are rewritten, the query kept', () => {
  const rewritten = (action: Partial<ReturnType<typeof defaultForward>>, path: string): string => {
    const table = compile(
      defaultRouteConfiguration('r', [
        defaultVirtualHost('v', ['*'], [at('/api', defaultRoute({ ...defaultForward('c'), ...action }))]),
      ]),
    );
    const found = table.find(request('a', path))?.action;
    return found?.kind === 'forward' ? (found.rewritePath?.(path) ?? path) : '';
  };
  assert.equal(rewritten({ prefixRewrite: '/v1' }, '/api/x?y=1'), '/v1/x?y=1');
  assert.equal(rewritten({ prefixRewrite: '/' }, '/api'), '/');
  assert.equal(
    rewritten(
      { regexRewrite: { regex: '^/api/([^/]+)/(.*)$', substitution: '/\\2/$1/\\1' } },
      '/api/a/b?c=/api/',
    ),
    '/b/$1/a?c=/api/',
  );
});

test('weights of 0 get nothing, and the draw decides among the others', () => {
  const none = { add: [], remove: [] };
  const weighted = (name: string, weight: number) => ({
    name,
    weight,
    requestHeaders: none,
    responseHeaders: none,
    filterConfig: {},
  });
  const action = {
    ...defaultForward(''),
    cluster: {
      kind: 'weighted' as const,
      clusters: [weighted('a', 50), weighted('b', 0), weighted('c', 50)],
    },
  };
  const table = compile(
    defaultRouteConfiguration('r', [defaultVirtualHost('v', ['*'], [defaultRoute(action)])]),
  );
  const found = table.find(request('x'))?.action;
  assert.ok(found?.kind === 'forward');
  const chosen = [0, 0.25, 0.4999, 0.5, 0.75, 0.9999].map(
    (draw) => found.choose(request('x').head, draw)?.ref.name,
  );
  assert.deepEqual(chosen, ['a', 'a', 'a', 'c', 'c', 'c']);
});

test('clusters that requests name are looked up for each of them, and nobody keeps their names', () => {
  const kept: string[] = [];
  const byHeader = defaultRoute({ ...defaultForward(''), cluster: { kind: 'header', header: 'x-cluster' } });
  const compiled = compileRouteTable(
    defaultRouteConfiguration('r', [defaultVirtualHost('any', ['*'], [byHeader])]),
    {
      ...context,
      clusterRef: (name) => {
        kept.push(name);
        return { name, cluster: undefined };
      },
    },
  );
  assert.ok(compiled.ok);
  const asked = request('a');
  asked.head.headers.add(headerName('x-cluster'), 'anything');
  const action = compiled.value.find(asked)?.action;
  assert.ok(action?.kind === 'forward');
  assert.equal(action.choose(asked.head, 0)?.ref.name, 'anything');
  assert.deepEqual(kept, []);
});
