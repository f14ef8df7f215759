import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { Engine } from '../engine/engine.ts';
import { put, remove, type Change } from '../engine/state.ts';
import { manifestChanges } from '../ingest/kubernetes/manifests.ts';
import { emptyMesh, proxies, settings } from '../model/tables.ts';
import { decodeNode } from '../push/node.ts';
import { viewOfProxy } from './proxy-view.ts';
import { allResources, namedResource } from './read-resources.ts';

const golden = new URL('./golden/', import.meta.url);

function changesOf(file: string): Change[] {
  const changes = manifestChanges(readFileSync(new URL(file, golden), 'utf8'), file);
  assert.ok(changes.ok);
  return changes.value.filter((change) => change.table !== settings);
}

const base = changesOf('bookinfo.yaml');
/** Everything that may come and go, one object at a time. */
const objects = ['bookinfo', 'jason', 'weights', 'gateway', 'websites', 'routing', 'policies'].flatMap(
  (name) => changesOf(`${name}.yaml`),
);

function proxyChange(id: string, node: object): Change {
  const decoded = decodeNode(node);
  assert.ok(decoded.ok);
  return put(proxies, id, decoded.value);
}
const proxyChanges = [
  proxyChange('productpage', {
    id: 'sidecar~10.244.0.11~p.default~default.svc.cluster.local',
    metadata: { LABELS: { app: 'productpage' } },
  }),
  proxyChange('other', { id: 'sidecar~10.244.0.99~o.other~other.svc.cluster.local' }),
  proxyChange('gateway', {
    id: 'router~10.244.0.40~g.istio-system~istio-system.svc.cluster.local',
    metadata: { LABELS: { istio: 'ingressgateway' } },
  }),
];

/** Everything that every proxy would be sent: names with versions. */
function resourcesOf(engine: Engine): unknown {
  return proxyChanges.map(({ key }) => {
    const of = engine.get(viewOfProxy, key);
    assert.ok(of);
    const clusters = allResources(engine, of, 'cluster');
    const named = [
      ...clusters.map((cluster) => namedResource(engine, of, 'endpoint', cluster.name)),
      ...['9080', '80', '8000', 'http.8080'].map((name) => namedResource(engine, of, 'route', name)),
    ];
    return [...clusters, ...allResources(engine, of, 'listener'), ...named].map(
      (resource) => resource && `${resource.name} ${resource.version}`,
    );
  });
}

test('after any changes every proxy would be sent what a control plane that has just started would send', () => {
  const step = fc.record({
    object: fc.constantFrom(...objects),
    gone: fc.boolean(),
    read: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const engine = new Engine(emptyMesh());
      let all: Change[] = [...base, ...proxyChanges];
      engine.advance(all);
      resourcesOf(engine);
      for (const { object, gone, read } of steps) {
        const change = gone ? remove(object.table, object.key) : object;
        engine.advance([change]);
        all = [...all, change];
        if (read) resourcesOf(engine);
      }
      const fresh = new Engine(emptyMesh());
      fresh.advance(all);
      assert.deepEqual(resourcesOf(engine), resourcesOf(fresh));
    }),
    { numRuns: 40 },
  );
});

test('a change of one service’s endpoints computes a handful of functions among hundreds', () => {
  const engine = new Engine(emptyMesh());
  engine.advance([...base, ...proxyChanges]);
  resourcesOf(engine);
  const { computed } = engine.stats;
  assert.ok(computed > 200);
  const slice = base.find(
    (change) => change.table.name === 'endpointSlices' && change.key.includes('reviews'),
  );
  assert.ok(slice);
  engine.advance([remove(slice.table, slice.key)]);
  resourcesOf(engine);
  // The endpoints, their one assignment, that assignment as each of three views reads it, and the
  // cluster with the identities of its servers.
  assert.ok(engine.stats.computed - computed <= 15, `${engine.stats.computed - computed} functions ran`);
});
