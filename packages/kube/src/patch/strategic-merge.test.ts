import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cloneJson, sameJson } from './json-value.ts';
import { strategicMergePatch } from './strategic-merge.ts';
import { podType } from './testing/pod-type.ts';

function patched(target: unknown, patch: unknown): unknown {
  const result = strategicMergePatch(target, patch, podType);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

const pod = {
  containers: [
    { name: 'app', image: 'app:1', ports: [{ containerPort: 80, protocol: 'TCP' }] },
    { name: 'proxy', image: 'proxy:1', args: ['a', 'b'] },
  ],
  labels: { app: 'web', tier: 'front' },
};

test('a container is found by its name, and what the patch does not name stays', () => {
  const result = patched(pod, { containers: [{ name: 'proxy', image: 'proxy:2' }] });
  assert.deepEqual((result as typeof pod).containers, [
    pod.containers[0],
    { name: 'proxy', image: 'proxy:2', args: ['a', 'b'] },
  ]);
});

test('an unknown key is added, a deleted one goes, atomic lists and nulls replace', () => {
  const result = patched(pod, {
    containers: [
      { name: 'extra', image: 'x:1' },
      { name: 'app', $patch: 'delete' },
      { name: 'proxy', args: ['c'] },
    ],
    labels: { tier: null },
  });
  assert.deepEqual(result, {
    containers: [
      { name: 'proxy', image: 'proxy:1', args: ['c'] },
      { name: 'extra', image: 'x:1' },
    ],
    labels: { app: 'web' },
  });
});

test('$patch: replace takes the place of a list or of an object', () => {
  assert.deepEqual(patched(pod, { containers: [{ $patch: 'replace' }, { name: 'only', image: 'o:1' }] }), {
    ...pod,
    containers: [{ name: 'only', image: 'o:1' }],
  });
  assert.deepEqual(patched(pod, { labels: { $patch: 'replace', a: 'b' } }), { ...pod, labels: { a: 'b' } });
});

test('$retainKeys drops the fields of the alternative that was chosen before', () => {
  const target = { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } };
  const patch = { strategy: { $retainKeys: ['type'], type: 'Recreate' } };
  assert.deepEqual(patched(target, patch), { strategy: { type: 'Recreate' } });
});

test('sets are joined, and single members taken out by their directive', () => {
  const target = { finalizers: ['a', 'b'] };
  assert.deepEqual(patched(target, { finalizers: ['b', 'c'] }), { finalizers: ['a', 'b', 'c'] });
  assert.deepEqual(patched(target, { '$deleteFromPrimitiveList/finalizers': ['a'] }), { finalizers: ['b'] });
});

test('$setElementOrder puts the list in the client\u2019s order and leaves the server\u2019s own items in their place', () => {
  const target = { containers: [{ name: 'injected' }, { name: 'a' }, { name: 'b' }] };
  const patch = {
    '$setElementOrder/containers': [{ name: 'b' }, { name: 'new' }, { name: 'a' }],
    containers: [{ name: 'new', image: 'n:1' }],
  };
  assert.deepEqual(patched(target, patch), {
    containers: [{ name: 'injected' }, { name: 'b' }, { name: 'new', image: 'n:1' }, { name: 'a' }],
  });
});

test('an item without its key and an unknown directive are named with their place', () => {
  const keyless = strategicMergePatch(pod, { containers: [{ image: 'x' }] }, podType);
  assert.deepEqual(keyless.ok ? [] : keyless.problems, [
    { path: 'containers[0]', message: 'does not contain declared merge key: name' },
  ]);
  const odd = strategicMergePatch(pod, { labels: { $patch: 'upsert' } }, podType);
  assert.ok(!odd.ok);
});

const container = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), image: fc.string() });
const containers = fc.uniqueArray(container, { selector: (one) => one.name, maxLength: 4 });

test('a patch applied twice is the same as once, keeps every other container, and leaves the target alone', () => {
  fc.assert(
    fc.property(containers, containers, (before, wanted) => {
      const target = { containers: before };
      const copy = cloneJson(target);
      const once = patched(target, { containers: wanted }) as typeof target;
      assert.ok(sameJson(target, copy));
      assert.ok(sameJson(patched(once, { containers: wanted }), once));
      for (const one of wanted) assert.ok(once.containers.some((other) => sameJson(other, one)));
      for (const one of before) assert.ok(once.containers.some((other) => other.name === one.name));
      assert.equal(new Set(once.containers.map((one) => one.name)).size, once.containers.length);
    }),
  );
});
