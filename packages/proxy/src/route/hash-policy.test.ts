import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LazyHashFunction } from '../cluster/balancer/hash-function.ts';
import { HeaderBlock } from '../codec/header-block.ts';
import type { HashPolicy } from '../model/route.ts';
import { compileHashPolicies } from './hash-policy.ts';

const hash = new LazyHashFunction();
await hash.load();

function ask(policies: readonly HashPolicy[], path = '/', headers: readonly [string, string][] = []) {
  const block = new HeaderBlock();
  for (const [name, value] of headers) block.addRaw(name, value);
  const cookies: string[] = [];
  const request = { method: 'GET', scheme: 'http', authority: 'shop.example', path, headers: block };
  const value = compileHashPolicies(policies, hash)?.(request, {
    clientIp: '192.0.2.7',
    connectionKey: '192.0.2.7:4000127.0.0.1:80',
    addCookie: (line) => cookies.push(line),
  });
  return { value, cookies };
}

const byHeader = (name: string, terminal = false): HashPolicy => ({ kind: 'header', name, terminal });

test('the hash of a header is xxHash64 of its value, pseudo headers included; without it there is none', () => {
  assert.equal(ask([byHeader('x-user')], '/', [['x-user', 'jason']]).value, hash.xxHash64('jason'));
  assert.equal(ask([byHeader(':authority')]).value, hash.xxHash64('shop.example'));
  assert.equal(ask([byHeader('x-user')]).value, undefined);
});

test('several lines of a header give one hash, whatever their order', () => {
  const one = ask([byHeader('x-tag')], '/', [
    ['x-tag', 'a'],
    ['x-tag', 'b'],
  ]).value;
  const other = ask([byHeader('x-tag')], '/', [
    ['x-tag', 'b'],
    ['x-tag', 'a'],
  ]).value;
  assert.equal(one, other);
  assert.equal(one, hash.xxHash64('b', hash.xxHash64('a', 0n)));
});

test('a value can be rewritten before it counts', () => {
  const policy: HashPolicy = {
    kind: 'header',
    name: ':path',
    terminal: false,
    regexRewrite: { regex: '^/([^/]*)/.*$', substitution: '\\1' },
  };
  assert.equal(ask([policy], '/cart/1').value, hash.xxHash64('cart'));
});

test('two policies with the same value do not cancel each other out', () => {
  const headers: [string, string][] = [
    ['x-a', 'same'],
    ['x-b', 'same'],
  ];
  const { value } = ask([byHeader('x-a'), byHeader('x-b')], '/', headers);
  const single = hash.xxHash64('same');
  assert.equal(value, BigInt.asUintN(64, (single << 1n) | (single >> 63n)) ^ single);
});

test('after a terminal policy that found something no other is asked', () => {
  const cookie: HashPolicy = { kind: 'cookie', name: 's', path: '', ttlMs: 0, terminal: false };
  const found = ask([byHeader('x-user', true), cookie], '/', [['x-user', 'jason']]);
  assert.equal(found.value, hash.xxHash64('jason'));
  assert.deepEqual(found.cookies, []);
  const missed = ask([byHeader('x-user', true), cookie]);
  assert.equal(missed.cookies.length, 1);
});

test('a cookie is read out of all lines, without its quotes, and made up only where it may live', () => {
  const cookie: HashPolicy = { kind: 'cookie', name: 's', path: '/a', ttlMs: 0, terminal: false };
  const { value } = ask([cookie], '/', [
    ['cookie', 'ss=1; other=2'],
    ['cookie', 'x=y; s="abc"'],
  ]);
  assert.equal(value, hash.xxHash64('abc'));
  const made = ask([cookie]);
  const text = hash.xxHash64('192.0.2.7:4000127.0.0.1:80').toString(16).padStart(16, '0');
  assert.deepEqual(made.cookies, [`s="${text}"; Path=/a; HttpOnly`]);
  assert.equal(made.value, hash.xxHash64(text));
  const withAttributes = ask([{ ...cookie, attributes: ['SameSite=Strict', 'Secure'] }]);
  assert.deepEqual(withAttributes.cookies, [`s="${text}"; Path=/a; SameSite=Strict; Secure; HttpOnly`]);
  const never = ask([{ kind: 'cookie', name: 's', path: '', terminal: false }]);
  assert.deepEqual(never, { value: undefined, cookies: [] });
});

test('the source is the address of the client, a parameter the first of its name', () => {
  assert.equal(ask([{ kind: 'source_ip', terminal: false }]).value, hash.xxHash64('192.0.2.7'));
  const parameter: HashPolicy = { kind: 'query_parameter', name: 'id', terminal: false };
  assert.equal(ask([parameter], '/?x=id&id=5&id=6').value, hash.xxHash64('5'));
  assert.equal(ask([parameter], '/id=5').value, undefined);
});
