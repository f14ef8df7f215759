import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { maskedAddress } from './masked-address.ts';

test('an address is cut to its network', () => {
  assert.equal(maskedAddress('10.1.2.3', 16, 64), '10.1.0.0/16');
  assert.equal(maskedAddress('10.1.2.3', 32, 64), '10.1.2.3/32');
  assert.equal(maskedAddress('10.1.2.131', 25, 64), '10.1.2.128/25');
  assert.equal(maskedAddress('10.1.2.3', 0, 0), '0.0.0.0/0');
  assert.equal(maskedAddress('2001:db8:1:2:3:4:5:6', 32, 64), '2001:db8:1:2::/64');
  assert.equal(maskedAddress('fe80::1', 32, 10), 'fe80::/10');
  assert.equal(maskedAddress('somewhere', 32, 128), undefined);
});

test('a masked address is its own network', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(32), fc.nat(128), (address, v4, v6) => {
      const once = maskedAddress(address, v4, v6);
      assert.ok(once !== undefined);
      assert.equal(maskedAddress(once.slice(0, once.lastIndexOf('/')), v4, v6), once);
    }),
  );
});
