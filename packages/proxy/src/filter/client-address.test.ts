import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileIpRange } from '../decide/ip-range.ts';
import { addressFromForwardedFor } from './client-address.ts';

test('the address of a client is taken from the right place, and only where it is one', () => {
  assert.equal(addressFromForwardedFor('192.0.2.1', 0), '192.0.2.1');
  assert.equal(addressFromForwardedFor('192.0.2.1, 198.51.100.2 ,2001:db8::1', 1), '198.51.100.2');
  for (const value of ['', ',', 'unknown', '192.0.2.1:80', '[::1]', '192.0.2', 'a, b', '192.0.2.1,']) {
    assert.equal(addressFromForwardedFor(value, 0), undefined, value);
  }
  assert.equal(addressFromForwardedFor('192.0.2.1', 1), undefined);
});

test('whatever a client says of where it comes from, ranges can be asked', () => {
  const ranges = [
    compileIpRange({ address: '10.0.0.0', prefixLength: 8 }),
    compileIpRange({ address: 'fd00::', prefixLength: 8 }),
  ];
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), fc.nat(3), (value, hops) => {
      const address = addressFromForwardedFor(value, hops) ?? value;
      for (const range of ranges) assert.equal(typeof range.contains(address), 'boolean');
    }),
  );
  assert.ok(ranges[0]?.contains('10.1.2.3'));
  assert.ok(ranges[1]?.contains('fd00::1'));
  assert.equal(ranges[0]?.contains('::ffff:10.1.2.3'), false);
});
