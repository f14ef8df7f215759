import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressPool } from './address-pool.ts';

test('addresses are unique, skip the reserved one, and are used again only after a full round', () => {
  const pool = new AddressPool('10.1.0.0/29', ['10.1.0.1']);
  const taken = ['a', 'b', 'c'].map((holder) => pool.take(holder));
  assert.deepEqual(taken, ['10.1.0.2', '10.1.0.3', '10.1.0.4']);
  assert.equal(pool.take('b'), '10.1.0.3');
  pool.release('a');
  assert.deepEqual(
    ['d', 'e', 'f'].map((holder) => pool.take(holder)),
    ['10.1.0.5', '10.1.0.6', '10.1.0.2'],
  );
  assert.throws(() => pool.take('g'), { code: 'network.no-address' });
});
