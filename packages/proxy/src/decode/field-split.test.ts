import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode } from '@lateen/protocol';
import { RouteConfiguration, VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import fc from 'fast-check';
import { splitField, textField } from './field-split.ts';

const virtualHosts = 2;

test('the parts of a message are what it is as a whole', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ name: fc.string(), domains: fc.array(fc.string(), { maxLength: 3 }) })),
      fc.string(),
      fc.boolean(),
      fc.nat(),
      (hosts, name, validateClusters, maxDirectResponseBodySizeBytes) => {
        const bytes = encode(RouteConfiguration, {
          name,
          virtualHosts: hosts,
          validateClusters,
          maxDirectResponseBodySizeBytes,
        });
        const split = splitField(bytes, virtualHosts);
        assert.ok(split !== undefined);
        const rest = decode(RouteConfiguration, split.rest);
        const whole = decode(RouteConfiguration, bytes);
        assert.ok(rest.ok && whole.ok);
        const parts = split.values.map((value) => {
          const host = decode(VirtualHost, value);
          assert.ok(host.ok);
          return host.value;
        });
        const { virtualHosts: none, ...others } = rest.value;
        assert.equal(none, undefined);
        const { virtualHosts: all = [], ...expected } = whole.value;
        assert.deepEqual([parts, others], [all, expected]);
      },
    ),
  );
});

test('bytes of any kind end in parts that fit in them, or in nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const split = splitField(bytes, virtualHosts);
      if (split === undefined) return;
      const length = split.values.reduce((sum, value) => sum + value.length, split.rest.length);
      assert.ok(length <= bytes.length);
    }),
  );
  assert.equal(splitField(Uint8Array.of(0x12, 0xff, 0x01, 0x00), virtualHosts), undefined);
});

test('a text is read from a message that is not decoded: the last one, and only UTF-8', () => {
  const message = encode(RouteConfiguration, {
    name: 'webé',
    virtualHosts: [{ name: 'host' }],
    validateClusters: true,
  });
  const other = encode(RouteConfiguration, { name: 'other' });
  assert.equal(textField(message, 1), 'webé');
  assert.equal(textField(Buffer.concat([message, other]), 1), 'other');
  assert.equal(textField(Buffer.alloc(0), 1), '');
  assert.equal(textField(message.subarray(0, message.length - 1), 1), undefined);
  assert.equal(textField(Uint8Array.of(0x0a, 1, 0xff), 1), undefined);
});
