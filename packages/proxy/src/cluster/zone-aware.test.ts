import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cluster, Endpoint, HealthStatus, LocalityEndpoints } from '../model/index.ts';
import { valuesOfJson } from '../runtime/runtime-entry.ts';
import { Runtime } from '../runtime/runtime.ts';
import { clusterFromJson } from '../testing/envoy-config.ts';
import {
  ask,
  cluster,
  endpoint,
  routeTo,
  serveHttp,
  statOf,
  upstream,
  type Closers,
} from '../testing/harness.ts';

const place = (zone: string) => ({ region: 'r', zone, subZone: '' });
const node = { id: 'n', cluster: 'callers', locality: place('a'), metadata: {} };

function inZones(name: string, zones: Readonly<Record<string, readonly Endpoint[]>>, like: Cluster): Cluster {
  const localities = Object.entries(zones).map(
    ([zone, endpoints]): LocalityEndpoints => ({ locality: place(zone), priority: 0, endpoints }),
  );
  return { ...like, name, loadAssignment: { ...cluster(name, []).loadAssignment!, localities } };
}

/** So many proxies in each zone; nobody connects to them. */
function callers(counts: Readonly<Record<string, number>>, healthStatus: HealthStatus = 'healthy'): Cluster {
  let port = 1;
  const zones = Object.entries(counts).map(([zone, count]) => [
    zone,
    Array.from({ length: count }, () => endpoint(port++, { healthStatus })),
  ]);
  return inZones('callers', Object.fromEntries(zones) as Record<string, Endpoint[]>, cluster('callers', []));
}

/** A proxy in zone a, with a cluster of endpoints that answer with their zone. */
async function start(
  t: Closers,
  {
    local,
    zones,
    config = {},
    random,
    runtime,
  }: {
    readonly local: Cluster;
    readonly zones: readonly string[];
    readonly config?: object;
    readonly random?: () => number;
    readonly runtime?: Runtime;
  },
) {
  const byZone: Record<string, Endpoint[]> = {};
  for (const zone of zones) {
    const { port } = await upstream(t, (_, response) => void response.end(zone));
    (byZone[zone] ??= []).push(endpoint(port));
  }
  const like = clusterFromJson('up', [], { common_lb_config: { zone_aware_lb_config: config } });
  const { port, dataPlane } = await serveHttp(
    t,
    [routeTo('up')],
    [local, inZones('up', byZone, like)],
    {},
    {
      node,
      localClusterName: 'callers',
      ...(random === undefined ? {} : { random }),
      ...(runtime === undefined ? {} : { runtime }),
    },
  );
  const zonesOf = async (count: number): Promise<string> => {
    let text = '';
    for (let i = 0; i < count; i++) text += (await ask(port)).body;
    return text;
  };
  return { port, dataPlane, zonesOf };
}

/** The same sequence each time, so that the test says the same each time. */
function seeded(): () => number {
  let state = 12345;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

const small = { min_cluster_size: 1 };

test('requests stay in the zone of the proxy where it has endpoints enough', async (t) => {
  const { zonesOf, dataPlane } = await start(t, {
    local: callers({ a: 1, b: 1 }),
    zones: ['a', 'b', 'b', 'a'],
    config: small,
  });
  assert.equal(await zonesOf(8), 'aaaaaaaa');
  assert.equal(statOf(dataPlane, 'cluster.up.lb_zone_routing_all_directly'), 8);
});

test('where the own zone has too few endpoints only their share stays', async (t) => {
  const { zonesOf, dataPlane } = await start(t, {
    local: callers({ a: 2, b: 1, c: 1 }),
    zones: ['a', 'b', 'b', 'c'],
    config: small,
    random: seeded(),
  });
  const seen = await zonesOf(40);
  const sampled = statOf(dataPlane, 'cluster.up.lb_zone_routing_sampled');
  assert.equal(sampled + statOf(dataPlane, 'cluster.up.lb_zone_routing_cross_zone'), 40);
  assert.equal(seen.replaceAll('b', '').length, sampled);
  assert.match(seen, /b/);
  assert.ok(sampled > 10 && sampled < 30, `${sampled}`);
  // The zone c has no more endpoints than callers, so that it takes nothing of a.
  assert.doesNotMatch(seen, /c/);
});

test('zones do not count for few endpoints, and without a caller in the zone of the proxy', async (t) => {
  const few = await start(t, { local: callers({ a: 1, b: 1 }), zones: ['a', 'b'] });
  assert.match(await few.zonesOf(4), /b/);
  assert.equal(statOf(few.dataPlane, 'cluster.up.lb_zone_cluster_too_small'), 1);
  const elsewhere = await start(t, {
    local: callers({ b: 1, c: 1 }),
    zones: ['a', 'b'],
    config: small,
  });
  assert.match(await elsewhere.zonesOf(4), /b/);
  assert.ok(statOf(elsewhere.dataPlane, 'cluster.up.lb_local_cluster_not_ok') > 0);
});

test('the share of requests that go by zones is configured, and the runtime may change it', async (t) => {
  const off = { ...small, routing_enabled: { value: 0 } };
  const args = { local: callers({ a: 1, b: 1 }), zones: ['a', 'b'], config: off };
  const disabled = await start(t, args);
  assert.match(await disabled.zonesOf(4), /b/);
  const runtime = new Runtime([
    { name: 'base', kind: 'static', values: valuesOfJson({ 'upstream.zone_routing.enabled': 100 }) },
  ]);
  const enabled = await start(t, { ...args, runtime });
  assert.equal(await enabled.zonesOf(4), 'aaaa');
});

test('callers of whom too few are healthy are not gone by; the answer may be to refuse', async (t) => {
  const local = callers({ a: 1, b: 1 }, 'unhealthy');
  const lenient = await start(t, { local, zones: ['a', 'b'], config: small });
  assert.match(await lenient.zonesOf(4), /b/);
  assert.ok(statOf(lenient.dataPlane, 'cluster.up.lb_local_cluster_not_ok') >= 4);
  const strict = await start(t, {
    local,
    zones: ['a', 'b'],
    config: { ...small, fail_traffic_on_panic: true },
  });
  assert.equal((await ask(strict.port)).status, 503);
});

test('a cluster in panic refuses where it is told to', async (t) => {
  const like = clusterFromJson('up', [], {
    common_lb_config: { zone_aware_lb_config: { fail_traffic_on_panic: true } },
  });
  const { port: up } = await upstream(t, (_, response) => void response.end());
  const model = inZones('up', { a: [endpoint(up, { healthStatus: 'unhealthy' })] }, like);
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [model]);
  assert.equal((await ask(port)).status, 503);
  assert.equal(statOf(dataPlane, 'cluster.up.lb_healthy_panic'), 1);
});

test('a change of the callers changes where requests go', async (t) => {
  const { zonesOf, dataPlane } = await start(t, {
    local: callers({ a: 1 }),
    zones: ['a', 'b'],
    config: small,
  });
  assert.match(await zonesOf(4), /b/);
  await dataPlane.update({ clusters: { set: [callers({ a: 1, b: 1 })] } });
  assert.equal(await zonesOf(4), 'aaaa');
  await dataPlane.update({ clusters: { remove: ['callers'] } });
  assert.match(await zonesOf(4), /b/);
});
