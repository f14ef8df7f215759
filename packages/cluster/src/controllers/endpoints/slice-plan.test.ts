import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EndpointSlice, SliceEndpoint, SlicePort } from '@lateen/kube';
import { maxSliceEndpoints, planSlices, type SliceGroup } from './slice-plan.ts';

const ports = [{ name: 'http', port: 80, protocol: 'TCP' as const }];

function endpoint(id: number, ready = true): SliceEndpoint {
  return { addresses: [`10.0.${id >> 8}.${id & 255}`], conditions: { ready }, targetRef: { uid: `u${id}` } };
}

function slice(
  name: string,
  endpoints: readonly SliceEndpoint[],
  of: readonly SlicePort[] = ports,
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name },
    addressType: 'IPv4',
    endpoints: [...endpoints],
    ports: [...of],
  };
}

/** The slices after a plan was carried out. */
function carriedOut(groups: readonly SliceGroup[], before: readonly EndpointSlice[]): EndpointSlice[] {
  const plan = planSlices(groups, before);
  const updated = new Map(plan.update.map(({ slice: old, endpoints }) => [old, endpoints]));
  const kept = before.filter((old) => !plan.remove.includes(old));
  return [
    ...kept.map((old) => slice(old.metadata.name, updated.get(old) ?? old.endpoints ?? [], old.ports ?? [])),
    ...plan.create.map((group, index) => slice(`new-${index}`, group.endpoints, group.ports)),
  ];
}

test('after any changes every endpoint is in exactly one slice, and no slice is too large', () => {
  const ids = fc.uniqueArray(fc.nat(400), { maxLength: 260 });
  fc.assert(
    fc.property(ids, ids, (first, second) => {
      const groupOf = (members: readonly number[]): SliceGroup[] =>
        members.length === 0 ? [] : [{ ports, endpoints: members.map((id) => endpoint(id)) }];
      const before = carriedOut(groupOf(first), []);
      const after = carriedOut(groupOf(second), before);
      const found = after.flatMap(({ endpoints }) =>
        (endpoints ?? []).map(({ targetRef }) => targetRef?.uid),
      );
      assert.deepEqual(new Set(found), new Set(second.map((id) => `u${id}`)));
      assert.equal(found.length, second.length);
      assert.ok(after.every(({ endpoints }) => (endpoints ?? []).length <= maxSliceEndpoints));
      const settled = planSlices(groupOf(second), after);
      assert.deepEqual(settled, { create: [], update: [], remove: [] });
    }),
    { numRuns: 100 },
  );
});

test('an endpoint that gets ready changes its own slice alone', () => {
  const first = slice(
    'a',
    Array.from({ length: 100 }, (_, id) => endpoint(id)),
  );
  const second = slice('b', [endpoint(100, false)]);
  const all = [...(first.endpoints ?? []), endpoint(100, true)];
  const plan = planSlices([{ ports, endpoints: all }], [first, second]);
  assert.deepEqual(
    [plan.create.length, plan.update.map((update) => update.slice.metadata.name), plan.remove.length],
    [0, ['b'], 0],
  );
});

test('a service without endpoints keeps one empty slice', () => {
  const plan = planSlices([], []);
  assert.deepEqual(plan.create, [{ ports: [], endpoints: [] }]);
  const emptied = planSlices([], [slice('a', [endpoint(1)])]);
  assert.equal(emptied.create.length, 1);
  assert.deepEqual(
    emptied.remove.map(({ metadata }) => metadata.name),
    ['a'],
  );
});

test('when the ports change, the slices of the old ports go', () => {
  const moved = [{ name: 'http', port: 8080, protocol: 'TCP' as const }];
  const plan = planSlices([{ ports: moved, endpoints: [endpoint(1)] }], [slice('a', [endpoint(1)])]);
  assert.equal(plan.create[0]?.ports, moved);
  assert.equal(plan.remove[0]?.metadata.name, 'a');
});
