import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, fromJson, type AnyMessageType } from '@lateen/protocol';
import { mutate, seeded } from '../fuzz/mutate.ts';
import { defaultForward, defaultRoute, type ApplyResult } from '../model/index.ts';
import {
  ask,
  cluster,
  httpListener,
  portOf,
  routeTable,
  startDataPlane,
  upstream,
} from '../testing/harness.ts';
import { knownTypes } from './known-types.ts';
import { clusterDecoder, listenerDecoder, routeDecoder } from './resource.ts';

const types = 'type.googleapis.com/envoy.extensions';
const routes = {
  name: 'routes',
  virtual_hosts: [
    {
      name: 'v',
      domains: ['*'],
      routes: [
        { match: { safe_regex: { regex: '/a+' } }, redirect: { path_redirect: '/b' } },
        { match: { prefix: '/' }, route: { cluster: 'up', retry_policy: { retry_on: '5xx' } } },
      ],
    },
  ],
};
const samples = {
  clusters: {
    name: 'up',
    connect_timeout: '1s',
    lb_policy: 'RING_HASH',
    circuit_breakers: { thresholds: [{ max_connections: 3 }] },
    outlier_detection: { consecutive_5xx: 3 },
    load_assignment: {
      cluster_name: 'up',
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 9 } } } },
          ],
        },
      ],
    },
  },
  listeners: {
    name: 'other',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [
      {
        filter_chain_match: {
          server_names: ['a.example'],
          source_prefix_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }],
        },
        filters: [
          {
            name: 'http',
            typed_config: {
              '@type': `${types}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: 'h',
              route_config: routes,
              http_filters: [
                { name: 'router', typed_config: { '@type': `${types}.filters.http.router.v3.Router` } },
              ],
            },
          },
        ],
      },
    ],
  },
  routes,
} as const;

const values: readonly unknown[] = [
  0,
  1,
  4_294_967_295,
  -1,
  1.5,
  '',
  '*',
  'a',
  '(',
  '10s',
  '-1s',
  true,
  false,
  null,
  [],
  {},
];

/** The same with some leaves changed, some fields gone and some items twice. */
function vary(value: unknown, random: () => number): unknown {
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const other = vary(item, random);
      return random() < 0.04 ? [] : random() < 0.04 ? [other, other] : [other];
    });
  }
  if (typeof value === 'object' && value !== null) {
    const kept = Object.entries(value).filter(() => random() > 0.03);
    return Object.fromEntries(kept.map(([key, item]) => [key, vary(item, random)]));
  }
  return random() < 0.06 ? values[Math.floor(random() * values.length)] : value;
}

function bytesOf(type: AnyMessageType, json: object): Buffer {
  const message = fromJson(type, json, { registry: knownTypes });
  if (!message.ok) throw new Error(JSON.stringify(message.problems));
  return Buffer.from(encode(type, message.value));
}

const kinds = [
  [clusterDecoder.type, samples.clusters],
  [listenerDecoder.type, samples.listeners],
  [routeDecoder.type, samples.routes],
] as const;

/** A changed sample as bytes; undefined where it is not even a message. */
function variation(which: number, random: () => number): Buffer | undefined {
  const [type, sample] = kinds[which] as (typeof kinds)[number];
  const message = fromJson<unknown>(type, vary(sample, random), { registry: knownTypes });
  return message.ok ? Buffer.from(encode(type, message.value)) : undefined;
}

test('whatever a control plane sends is taken or refused with its paths, and what serves goes on', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('fine'));
  const dataPlane = startDataPlane(t);
  const serving = defaultRoute(defaultForward('steady'));
  const first = await dataPlane.update({
    clusters: { set: [cluster('steady', [up])] },
    listeners: { set: [httpListener(routeTable([serving]))] },
  });
  assert.deepEqual(first.refused, []);
  const random = seeded(20_261_126);
  const good = kinds.map(([type, sample]) => bytesOf(type, sample));
  const words = ['\x08\x01', '\x12\x00', '\x0a\x01*', '\xff\xff\xff\xff\x0f', '127.0.0.1', '('];
  const seen = { taken: 0, refusedByDecoder: 0, refusedByDataPlane: 0 };
  const apply = async (change: Promise<ApplyResult>): Promise<void> => {
    const { refused } = await change;
    if (refused.length === 0) seen.taken++;
    else seen.refusedByDataPlane++;
    for (const { problems } of refused)
      assert.ok(problems.length > 0 && problems.every((p) => p.message !== ''));
  };
  for (let i = 0; i < 600; i++) {
    const which = i % 3;
    const bytes =
      random() < 0.3 ? mutate(good[which] as Buffer, good, words, random) : variation(which, random);
    if (bytes === undefined) continue;
    const decoder = [clusterDecoder, listenerDecoder, routeDecoder][which] as typeof clusterDecoder;
    const decoded = decoder.fromBytes(bytes);
    if (!decoded.ok) {
      seen.refusedByDecoder++;
      assert.ok(decoded.problems.every(({ message }) => message !== ''));
      continue;
    }
    const { model } = decoded.value;
    // What stands in the way of the good listener's name is another test.
    if (model.name === 'main' || model.name === 'steady') continue;
    const key = (['clusters', 'listeners', 'routes'] as const)[which] as 'clusters';
    await apply(dataPlane.update({ [key]: { set: [model] } }));
    if (i % 20 === 0) assert.equal((await ask(portOf(dataPlane))).body, 'fine');
  }
  assert.equal((await ask(portOf(dataPlane))).body, 'fine');
  assert.ok(seen.taken > 20 && seen.refusedByDecoder > 20, JSON.stringify(seen));
});

test('a listener that is refused leaves the last good one in force, and others come into force beside it', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('fine'));
  const dataPlane = startDataPlane(t);
  const good = httpListener(routeTable([defaultRoute(defaultForward('up'))]));
  await dataPlane.update({ clusters: { set: [cluster('up', [up])] }, listeners: { set: [good] } });
  // The router is missing: this listener cannot work.
  const bad = httpListener(routeTable([defaultRoute(defaultForward('up'))]), { httpFilters: [] });
  const { refused } = await dataPlane.update({ listeners: { set: [bad, { ...good, name: 'second' }] } });
  assert.deepEqual(
    refused.map(({ name }) => name),
    ['main'],
  );
  assert.match(
    refused[0]?.problems[0]?.path ?? '',
    /^filter_chains\[0\]\.filters\[0\]\.typed_config\.http_filters/,
  );
  assert.equal((await ask(portOf(dataPlane, 'main'))).body, 'fine');
  assert.equal((await ask(portOf(dataPlane, 'second'))).body, 'fine');
});
