import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, fromJson } from '@lateen/protocol';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import type { RouteConfiguration as Model } from '../model/index.ts';
import { wholly } from '../timer/in-slices.ts';
import { knownTypes } from './known-types.ts';
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

function readWholly(table: Model): object {
  const { virtualHosts, settingsBytes: _, ...settings } = table;
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

test('virtual hosts that came in the same bytes are the same objects, wherever they stand in the table', () => {
  const decoded = (table: RouteConfiguration, before?: Model): Model => {
    const result = wholly(
      routeDecoder.bytesParts(encode(RouteConfiguration, table), 'web', undefined, before),
    );
    assert.ok(result.ok);
    return result.value.model;
  };
  const [large, small] = message.virtualHosts ?? [];
  assert.ok(large !== undefined && small !== undefined);
  const first = decoded(message);
  const changed = { ...message, virtualHosts: [{ ...small, domains: ['other.example'] }, large] };
  const second = decoded(changed, first);
  assert.equal(second.virtualHosts[1], first.virtualHosts[0]);
  assert.equal(second.settingsBytes, first.settingsBytes);
  assert.deepEqual(readWholly(second), readWholly(decoded(changed)));
  // Each is checked with what its table says.
  const withLimit = { ...message, maxDirectResponseBodySizeBytes: 1 };
  const third = decoded(withLimit, second);
  assert.notEqual(third.virtualHosts[0], second.virtualHosts[1]);
  assert.notEqual(third.settingsBytes, second.settingsBytes);
});

test('where an unchanged virtual host has its clusters from is said with each version of the table', () => {
  const grpc = { api_type: 'DELTA_GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] };
  const onDemand = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.PerRouteConfig',
    odcds: { source: { api_config_source: grpc } },
  };
  const json = {
    name: 'web',
    virtual_hosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, route: { cluster_header: 'x-cluster' } }],
        typed_per_filter_config: { on_demand: onDemand },
      },
    ],
  };
  const parsed = fromJson(RouteConfiguration, json, { registry: knownTypes });
  assert.ok(parsed.ok);
  const table = encode(RouteConfiguration, parsed.value);
  const first = wholly(routeDecoder.bytesParts(table, 'web'));
  assert.ok(first.ok);
  const second = wholly(routeDecoder.bytesParts(table, 'web', undefined, first.value.model));
  assert.ok(second.ok);
  assert.equal(first.value.sources.size, 1);
  assert.deepEqual(second.value.sources, first.value.sources);
});

test('bytes that are no message are refused as a whole', () => {
  const result = wholly(routeDecoder.bytesParts(bytes.subarray(0, bytes.length - 3), 'web'));
  assert.ok(!result.ok);
  assert.match(result.problems[0]?.message ?? '', /truncated/);
});
