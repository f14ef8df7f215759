import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bracketedNames, routingClaim } from './claim-name.ts';

test('names of nested claims stand in brackets of their own', () => {
  assert.deepEqual(bracketedNames('[realm_access][roles]'), ['realm_access', 'roles']);
  for (const bad of ['', '[]', 'a', '[a', '[a]b', '[a[b]]'])
    assert.equal(bracketedNames(bad), undefined, bad);
});

test('a route names a claim by dots or by brackets, and not by half of either', () => {
  for (const [name, names] of [
    ['@request.auth.claims.groups', ['groups']],
    ['@request.auth.claims.address.city', ['address', 'city']],
    ['@request.auth.claims[https://example.com/group]', ['https://example.com/group']],
    ['@request.auth.claims[address][city]', ['address', 'city']],
    ['@request.auth.claims', undefined],
    ['@request.auth.claims.', undefined],
    ['@request.auth.claims.a..b', undefined],
    ['@request.auth.claims.a[b]', undefined],
    ['@request.auth.claims[a', undefined],
    ['@request.auth.claimsgroups', undefined],
    ['@request.auth.principal', undefined],
    ['x-group', undefined],
  ] as const) {
    assert.deepEqual(routingClaim(name), names, name);
  }
});
