import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOwnTrustDomains } from './trust-domain.ts';

test('an identity of the mesh is taken in all its trust domains, a foreign one as written', () => {
  const own = ['new.example', 'old.example'];
  const rest = '/ns/shop/sa/till';
  for (const [written, taken] of [
    [`cluster.local${rest}`, [`new.example${rest}`, `old.example${rest}`]],
    [`old.example${rest}`, [`new.example${rest}`, `old.example${rest}`]],
    [`foreign${rest}`, [`foreign${rest}`]],
    [`*${rest}`, [`*${rest}`]],
    [`*w.example${rest}`, [`*w.example${rest}`, `old.example${rest}`]],
    ['*', ['*']],
    ['cluster.local/*', ['cluster.local/*']],
  ] as const) {
    assert.deepEqual(inOwnTrustDomains([written], own), taken, written);
  }
});
