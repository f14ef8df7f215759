import assert from 'node:assert/strict';
import { SocketAddress } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSocketAddress, encodeSocketAddress } from './socket-address.ts';

test('addresses come back as they were, in the form that RFC 5952 asks for', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535), (address, port) => {
      const family = address.includes(':') ? 'ipv6' : 'ipv4';
      const canonical = new SocketAddress({ address, port, family }).address;
      const decoded = decodeSocketAddress(encodeSocketAddress({ address, port }));
      assert.equal(decoded.port, port);
      assert.equal(new SocketAddress({ address: decoded.address, family }).address, canonical);
    }),
  );
  for (const address of [
    '::',
    '::1',
    'fe80::1:0:0:1',
    '2001:db8::1',
    '1:0:2::3',
    '::ffff:10.1.2.3',
    '0.0.0.0',
  ])
    assert.equal(decodeSocketAddress(encodeSocketAddress({ address, port: 1 })).address, address);
});

test('a zone is an interface of this host', () => {
  const name = { address: 'fe80::1%lo', port: 80 };
  const { address } = decodeSocketAddress(encodeSocketAddress(name));
  assert.match(address, /^fe80::1(%.+)?$/);
});
