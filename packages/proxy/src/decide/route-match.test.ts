import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import type { Metadata } from '../model/metadata.ts';
import type { HeaderMatch, RouteMatch } from '../model/route.ts';
import type { StringMatch } from '../model/string-match.ts';
import type { RoutableRequest } from './header-match.ts';
import { queryParameter } from './query-match.ts';
import { compileRouteMatch } from './route-match.ts';

function request(
  path: string,
  headers: Record<string, string | string[]> = {},
  more: Partial<RoutableRequest> = {},
): RoutableRequest {
  const block = new HeaderBlock();
  for (const [name, values] of Object.entries(headers)) {
    for (const value of [values].flat()) block.add(headerName(name), value);
  }
  return { method: 'GET', scheme: 'http', authority: 'example.com', path, headers: block, ...more };
}

function matches(match: Partial<RouteMatch>, one: RoutableRequest, draw = 0, metadata?: Metadata): boolean {
  const full: RouteMatch = {
    path: { kind: 'prefix', value: '/' },
    caseSensitive: true,
    headers: [],
    queryParameters: [],
    grpc: false,
    dynamicMetadata: [],
    ...match,
  };
  const query = one.path.indexOf('?');
  const routed = { head: one, draw, dynamicMetadata: metadata };
  return compileRouteMatch(full)(routed, query < 0 ? one.path : one.path.slice(0, query));
}

function header(name: string, string: StringMatch, more: Partial<HeaderMatch> = {}): HeaderMatch {
  return { name, match: { kind: 'string', string }, invert: false, treatMissingAsEmpty: false, ...more };
}

const paths: readonly [RouteMatch['path'], boolean, string, boolean][] = [
  [{ kind: 'prefix', value: '/api' }, true, '/apis', true],
  [{ kind: 'prefix', value: '/api' }, true, '/API', false],
  [{ kind: 'prefix', value: '/api' }, false, '/API/x', true],
  [{ kind: 'exact', value: '/api' }, true, '/api', true],
  [{ kind: 'exact', value: '/api' }, true, '/api?x=1', true],
  [{ kind: 'exact', value: '/api' }, true, '/api/', false],
  [{ kind: 'exact', value: '/api' }, false, '/Api', true],
  [{ kind: 'segment_prefix', value: '/api' }, true, '/api', true],
  [{ kind: 'segment_prefix', value: '/api' }, true, '/api/x', true],
  [{ kind: 'segment_prefix', value: '/api' }, true, '/apis', false],
  [{ kind: 'segment_prefix', value: '/api' }, false, '/API/x', true],
  [{ kind: 'regex', regex: '/v[0-9]+/.*' }, true, '/v12/x?q=1', true],
  [{ kind: 'regex', regex: '/v[0-9]+' }, true, '/v12/x', false],
  [{ kind: 'regex', regex: '/v[a-z]+' }, false, '/VA', true],
];

for (const [path, caseSensitive, tried, expected] of paths) {
  const what = path.kind === 'regex' ? path.regex : 'value' in path ? path.value : '';
  test(`${path.kind} ${what}${caseSensitive ? '' : ' without case'} ${expected ? 'takes' : 'leaves'} ${tried}`, () => {
    assert.equal(matches({ path, caseSensitive }, request(tried)), expected);
  });
}

test('headers are compared in every way', () => {
  const jason = request('/', { 'end-user': 'jason', n: '42', list: ['a', 'b'] });
  const take = (match: HeaderMatch): boolean => matches({ headers: [match] }, jason);
  assert.ok(take(header('end-user', { kind: 'exact', value: 'jason' })));
  assert.ok(take(header('End-User', { kind: 'exact', value: 'jason' })));
  assert.ok(!take(header('end-user', { kind: 'exact', value: 'Jason' })));
  assert.ok(take(header('end-user', { kind: 'exact', value: 'JASON', ignoreCase: true })));
  assert.ok(take(header('end-user', { kind: 'prefix', value: 'ja' })));
  assert.ok(take(header('end-user', { kind: 'suffix', value: 'on' })));
  assert.ok(take(header('end-user', { kind: 'contains', value: 'aso' })));
  assert.ok(take(header('end-user', { kind: 'regex', regex: 'j.*n' })));
  assert.ok(!take(header('end-user', { kind: 'regex', regex: 'j' })));
  const range = (start: number, end: number): HeaderMatch => ({
    ...header('n', { kind: 'exact', value: '' }),
    match: { kind: 'range', start, end },
  });
  assert.ok(take(range(42, 43)));
  assert.ok(!take(range(41, 42)));
  const present = (name: string, is: boolean): HeaderMatch => ({
    ...header(name, { kind: 'exact', value: '' }),
    match: { kind: 'present', present: is },
  });
  assert.ok(take(present('n', true)));
  assert.ok(take(present('missing', false)));
  assert.ok(!take(present('missing', true)));
});

test('a header that is repeated hides none of its values', () => {
  const both = request('/', { role: ['user', 'admin'], n: ['x', '42'] });
  const take = (match: HeaderMatch): boolean => matches({ headers: [match] }, both);
  for (const value of ['user', 'admin']) {
    assert.ok(take(header('role', { kind: 'exact', value })));
    assert.ok(take(header('role', { kind: 'regex', regex: value })));
    assert.ok(!take(header('role', { kind: 'exact', value }, { invert: true })));
  }
  assert.ok(!take(header('role', { kind: 'exact', value: 'user,admin' })));
  assert.ok(take(header('role', { kind: 'exact', value: 'guest' }, { invert: true })));
  const range = { kind: 'range', start: 42, end: 43 } as const;
  assert.ok(take({ ...header('n', { kind: 'exact', value: '' }), match: range }));
});

test('a missing header matches nothing, not even inverted, unless it counts as empty', () => {
  const invert = header('missing', { kind: 'exact', value: 'x' }, { invert: true });
  assert.ok(!matches({ headers: [invert] }, request('/')));
  assert.ok(matches({ headers: [{ ...invert, treatMissingAsEmpty: true }] }, request('/')));
  const present = header('end-user', { kind: 'exact', value: 'jason' }, { invert: true });
  assert.ok(matches({ headers: [present] }, request('/', { 'end-user': 'other' })));
  assert.ok(!matches({ headers: [present] }, request('/', { 'end-user': 'jason' })));
});

test('method, authority and path can be matched as headers', () => {
  const post = request('/x?y=z', {}, { method: 'POST' });
  for (const [name, value] of [
    [':method', 'POST'],
    [':authority', 'example.com'],
    [':path', '/x?y=z'],
    [':scheme', 'http'],
  ] as const) {
    assert.ok(matches({ headers: [header(name, { kind: 'exact', value })] }, post), name);
  }
});

test('query parameters are looked up by their whole name', () => {
  assert.equal(queryParameter('/p?a=1&b=2&a=3', 'a'), '1');
  assert.equal(queryParameter('/p?aa=1&a', 'a'), '');
  assert.equal(queryParameter('/p?aa=1', 'a'), undefined);
  assert.equal(queryParameter('/p', 'a'), undefined);
  assert.equal(queryParameter('/p?a=b=c', 'a'), 'b=c');
  const match = {
    name: 'v',
    match: { kind: 'string' as const, string: { kind: 'exact' as const, value: '2' } },
  };
  assert.ok(matches({ queryParameters: [match] }, request('/p?v=2')));
  assert.ok(!matches({ queryParameters: [match] }, request('/p?v=3')));
});

test('a share of the requests is the one below its draw', () => {
  const match = { runtimeFraction: { numerator: 30, denominator: 100 as const } };
  assert.ok(matches(match, request('/'), 0.29));
  assert.ok(!matches(match, request('/'), 0.3));
});

test('gRPC routes take gRPC only', () => {
  assert.ok(matches({ grpc: true }, request('/', { 'content-type': 'application/grpc+proto' })));
  assert.ok(!matches({ grpc: true }, request('/', { 'content-type': 'application/grpc-web' })));
  assert.ok(!matches({ grpc: true }, request('/')));
});

test('what filters have said of a request chooses among routes', () => {
  const gold = {
    namespace: 'jwt',
    path: ['payload', 'plan'],
    value: { kind: 'string', match: { kind: 'exact', value: 'gold', ignoreCase: false } },
    invert: false,
  } as const;
  const one = request('/');
  const metadata = { jwt: { payload: { plan: 'gold' } } };
  assert.equal(matches({ dynamicMetadata: [gold] }, one, 0, metadata), true);
  assert.equal(matches({ dynamicMetadata: [gold] }, one, 0, { jwt: { payload: { plan: 'tin' } } }), false);
  assert.equal(matches({ dynamicMetadata: [gold] }, one), false);
  assert.equal(matches({ dynamicMetadata: [{ ...gold, invert: true }] }, one), true);
  const both = [gold, { ...gold, path: ['payload', 'other'] }];
  assert.equal(matches({ dynamicMetadata: both }, one, 0, metadata), false);
});
