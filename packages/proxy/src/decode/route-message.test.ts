import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode } from '@lateen/protocol';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { wholly } from '../timer/in-slices.ts';
import { routeMessageParts } from './route-message.ts';

const routes = 1_000;

const bytes = encode(RouteConfiguration, {
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
    { name: 'small', domains: ['small.example'] },
  ],
  validateClusters: false,
});

test('a virtual host with many routes is decoded route by route', () => {
  const parts = routeMessageParts(bytes);
  let pauses = 0;
  let step = parts.next();
  for (; step.done !== true; step = parts.next()) pauses++;
  assert.equal(pauses, routes + 1);
  const whole = decode(RouteConfiguration, bytes);
  assert.ok(step.value.ok && whole.ok);
  assert.deepEqual(step.value.value, whole.value);
});

test('a route that cannot be read is named with its place', () => {
  const damaged = Uint8Array.from(bytes);
  // The text "/part-700/" is no UTF-8 any more.
  damaged[Buffer.from(damaged).indexOf('/part-700/') + 3] = 0xff;
  const whole = decode(RouteConfiguration, damaged);
  const inParts = wholly(routeMessageParts(damaged));
  assert.ok(!whole.ok && !inParts.ok);
  assert.match(inParts.problems[0]?.path ?? '', /^virtual_hosts\[0\]\.routes\[700\]/);
});
