import assert from 'node:assert/strict';
import { test } from 'node:test';
import { covers, resolveHost, wildcardsOf } from './hostname.ts';

test('a name without a dot is a service of the rule’s namespace, anything else is taken as written', () => {
  assert.equal(resolveHost('reviews', 'shop', 'cluster.local'), 'reviews.shop.svc.cluster.local');
  for (const name of ['reviews.other', 'example.com', '*', '*.example.com']) {
    assert.equal(resolveHost(name, 'shop', 'cluster.local'), name);
  }
});

for (const [pattern, host, expected] of [
  ['*', 'a.b', true],
  ['*.b.c', 'a.b.c', true],
  ['*.b.c', 'b.c', false],
  ['*.b.c', '.b.c', false],
  ['*.b.c', 'xb.c', false],
  ['*.c', '*.b.c', true],
  ['*.b.c', '*.c', false],
  ['a.b', 'a.b', true],
  ['a.b', '*.b', false],
] as const) {
  test(`${pattern} ${expected ? 'covers' : 'does not cover'} ${host}`, () => {
    assert.equal(covers(pattern, host), expected);
  });
}

test('wildcards that cover a name come from the narrowest to the widest, without the name itself', () => {
  assert.deepEqual(wildcardsOf('a.b.c'), ['*.b.c', '*.c', '*']);
  assert.deepEqual(wildcardsOf('*.b.c'), ['*.c', '*']);
  assert.deepEqual(wildcardsOf('local'), ['*']);
});
