import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Deployment, IntOrString, ReplicaSet } from '@lateen/kube';
import { sizeAnnotations } from './revision.ts';
import { firstSize, planRollingUpdate, planScaling, rolloutBounds } from './rollout-plan.ts';

function deployment(replicas: number, maxSurge: IntOrString, maxUnavailable: IntOrString): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: {},
      template: {},
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    },
  };
}

function set(name: string, replicas: number, available: number, age: number, annotated = 0): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name,
      creationTimestamp: new Date(1_000_000 * (10 - age)).toISOString(),
      annotations: annotated === 0 ? {} : sizeAnnotations(annotated, annotated + 1),
    },
    spec: { replicas, selector: {} },
    status: { replicas, availableReplicas: available },
  };
}

function sizes(
  plan: readonly { readonly set: ReplicaSet; readonly replicas: number }[],
): Record<string, number> {
  return Object.fromEntries(plan.map(({ set: { metadata }, replicas }) => [metadata.name, replicas]));
}

test('percentages of the surge are rounded up, of the unavailable down, and one of the two is at least 1', () => {
  const cases: [IntOrString, IntOrString, number, number, number][] = [
    ['25%', '25%', 4, 1, 1],
    ['25%', '25%', 1, 1, 0],
    ['25%', '25%', 10, 3, 2],
    [0, '25%', 3, 0, 1],
    [0, '10%', 3, 0, 1],
    [2, 5, 3, 2, 3],
    ['100%', 0, 3, 3, 0],
  ];
  for (const [surge, unavailable, replicas, maxSurge, maxUnavailable] of cases) {
    assert.deepEqual(rolloutBounds(deployment(replicas, surge, unavailable)), {
      desired: replicas,
      maxSurge,
      maxUnavailable,
    });
  }
});

test('a rollout keeps within its bounds at every step, and ends, whatever the order in which pods get ready', () => {
  const someBounds = fc.record({
    desired: fc.integer({ min: 0, max: 12 }),
    maxSurge: fc.integer({ min: 0, max: 5 }),
    maxUnavailable: fc.integer({ min: 0, max: 5 }),
  });
  fc.assert(
    fc.property(someBounds, fc.infiniteStream(fc.nat(9)), (given, choices) => {
      const target = deployment(given.desired, given.maxSurge, given.maxUnavailable);
      const bounds = rolloutBounds(target);
      const old = [set('old', bounds.desired, bounds.desired, 5)];
      const start = firstSize(target, { current: undefined, old });
      const all = { old: { size: bounds.desired, ready: bounds.desired }, now: { size: start, ready: 0 } };
      for (let step = 0; step < 200; step++) {
        const current = set('now', all.now.size, all.now.ready, 1);
        const plan = sizes(planRollingUpdate(current, [set('old', all.old.size, all.old.ready, 5)], bounds));
        if (plan['now'] !== undefined) all.now.size = plan['now'];
        if (plan['old'] !== undefined)
          all.old = { size: plan['old'], ready: Math.min(plan['old'], all.old.ready) };
        assert.ok(all.now.size + all.old.size <= bounds.desired + bounds.maxSurge, 'too many pods');
        assert.ok(
          all.now.ready + all.old.ready >= bounds.desired - bounds.maxUnavailable,
          'too few available',
        );
        const done =
          all.old.size === 0 && all.now.size === bounds.desired && all.now.ready === bounds.desired;
        if (done) return;
        const idle = Object.keys(plan).length === 0;
        if (idle || (choices.next().value ?? 0) < 5)
          all.now.ready = Math.min(all.now.size, all.now.ready + 1);
      }
      assert.fail('the rollout did not end');
    }),
    { numRuns: 300 },
  );
});

test('old pods that are not available go first', () => {
  const bounds = { desired: 4, maxSurge: 1, maxUnavailable: 1 };
  const plan = planRollingUpdate(set('now', 1, 0, 1), [set('sick', 2, 0, 9), set('well', 2, 2, 5)], bounds);
  assert.deepEqual(sizes(plan), { sick: 1 });
  const surged = planRollingUpdate(set('now', 2, 1, 1), [set('sick', 1, 0, 9), set('well', 2, 2, 5)], bounds);
  assert.deepEqual(sizes(surged), { sick: 0 });
});

test('a new size in the middle of a rollout is shared out in proportion', () => {
  const target = deployment(20, 3, 2);
  const sets = { current: set('now', 5, 5, 1, 10), old: [set('old', 8, 8, 5, 10)] };
  const planned = sizes(planScaling(target, sets));
  assert.equal((planned['now'] ?? 5) + (planned['old'] ?? 8), 23);
  assert.ok((planned['old'] ?? 8) > (planned['now'] ?? 5), JSON.stringify(planned));
});

test('a single set simply gets the new size, and an idle deployment scales its newest', () => {
  const target = deployment(3, 1, 1);
  assert.deepEqual(sizes(planScaling(target, { current: set('now', 1, 1, 1, 1), old: [] })), { now: 3 });
  const idle = { current: set('now', 0, 0, 1), old: [set('old', 0, 0, 5)] };
  assert.deepEqual(sizes(planScaling(target, idle)), { now: 3 });
});
