import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode } from '@lateen/protocol';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import type { RouteConfiguration as Model } from '../model/index.ts';
import { wholly } from '../timer/in-slices.ts';
import { routeDecoder } from './resource.ts';

const routes = 1_000;

const message: RouteConfiguration = {
  name: 'web',
  virtualHosts: [
    {
      name: 'large',
      domains: ['large.example'],
      routes: Array.from({ length: routes }, (_, i) => ({
        name: `route-${i}`,
        match: { prefix: `/part-${i}/` },
        route: { cluster: 'reviews' },
      })),
      includeRequestAttemptCount: true,
    },
    {
      name: 'small',
      domains: ['small.example'],
      routes: [{ match: { prefix: '/' }, route: { cluster: 'reviews' } }],
    },
  ],
  validateClusters: false,
};
const bytes = encode(RouteConfiguration, message);

function readWholly({ virtualHosts, ...settings }: Model): object {
  return { ...settings, virtualHosts: virtualHosts.map((host) => ({ ...host, read: wholly(host.read()) })) };
}

test('a table is decoded route by route, to what the whole message says', () => {
  const parts = routeDecoder.bytesParts(bytes, 'web');
  let pauses = 0;
  let step = parts.next();
  for (; step.done !== true; step = parts.next()) pauses++;
  assert.equal(pauses, routes + 1 + 2);
  const whole = routeDecoder.fromMessage(message);
  assert.ok(step.value.ok && whole.ok);
  assert.deepEqual(readWholly(step.value.value.model), readWholly(whole.value.model));
});

test('a route that cannot be read is named with its place, beside what is wrong elsewhere', () => {
  const damaged = Uint8Array.from(
    encode(RouteConfiguration, {
      ...message,
      virtualHosts: [...(message.virtualHosts ?? []), { name: 'none', routes: [] }],
    }),
  );
  // The text "/part-700/" is no UTF-8 any more.
  damaged[Buffer.from(damaged).indexOf('/part-700/') + 3] = 0xff;
  const result = wholly(routeDecoder.bytesParts(damaged, 'web'));
  assert.ok(!result.ok && !decode(RouteConfiguration, damaged).ok);
  assert.deepEqual(
    result.problems.map(({ path }) => path),
    ['virtual_hosts[0].routes[700].match.prefix', 'virtual_hosts[2].domains'],
  );
});

test('bytes that are no message are refused as a whole', () => {
  const result = wholly(routeDecoder.bytesParts(bytes.subarray(0, bytes.length - 3), 'web'));
  assert.ok(!result.ok);
  assert.match(result.problems[0]?.message ?? '', /truncated/);
});
