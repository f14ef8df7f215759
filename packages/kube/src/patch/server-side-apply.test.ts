import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cloneJson, sameJson, type JsonObject } from './json-value.ts';
import { serverSideApply, trackUpdate, type ApplyConflict, type Manager } from './server-side-apply.ts';
import { podType } from './testing/pod-type.ts';

function manager(name: string): Manager {
  return { name, apiVersion: 'v1', time: '2026-01-01T00:00:00Z' };
}

/** An object through the hands of managers. */
class Live {
  object: JsonObject | undefined;

  apply(name: string, wanted: JsonObject, force = false): JsonObject {
    const result = serverSideApply(this.object, wanted, podType, manager(name), force);
    assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.conflicts));
    this.object = { ...result.object, metadata: { managedFields: result.managedFields } };
    return result.object;
  }

  conflicts(name: string, wanted: JsonObject): ApplyConflict[] {
    const result = serverSideApply(this.object, wanted, podType, manager(name), false);
    assert.ok(!result.ok);
    return result.conflicts;
  }

  update(name: string, after: JsonObject): void {
    const accounts = (this.object?.['metadata'] as JsonObject | undefined)?.['managedFields'];
    const managedFields = trackUpdate(this.object, after, accounts, podType, manager(name));
    this.object = { ...after, metadata: { managedFields } };
  }

  fieldsOf(name: string): unknown {
    const metadata = (this.object ?? {})['metadata'];
    const { managedFields } = metadata as { managedFields: { manager: string; fieldsV1: unknown }[] };
    return managedFields.find((entry) => entry.manager === name)?.fieldsV1;
  }

  get content(): JsonObject {
    const { metadata: _, ...content } = this.object ?? {};
    return content;
  }
}

test('what a manager applied and leaves out the next time goes; what others applied stays', () => {
  const live = new Live();
  live.apply('one', { labels: { a: '1', b: '2' }, containers: [{ name: 'app', image: 'app:1' }] });
  live.apply('two', { labels: { c: '3' }, containers: [{ name: 'side', image: 'side:1' }] });
  live.apply('one', { labels: { a: '1' } });
  assert.deepEqual(live.content, {
    labels: { a: '1', c: '3' },
    containers: [{ name: 'side', image: 'side:1' }],
  });
});

test('another value for a field that somebody owns is a conflict with that manager, named by path', () => {
  const live = new Live();
  live.apply('one', { replicas: 1, containers: [{ name: 'app', image: 'app:1' }] });
  const conflicts = live.conflicts('two', { replicas: 2, containers: [{ name: 'app', image: 'app:2' }] });
  assert.deepEqual(
    conflicts.map((conflict) => [conflict.manager, conflict.operation, conflict.field]),
    [
      ['one', 'Apply', '.containers[name="app"].image'],
      ['one', 'Apply', '.replicas'],
    ],
  );
});

test('the same value is shared, and stays when one of the owners lets go', () => {
  const live = new Live();
  live.apply('one', { replicas: 1 });
  live.apply('two', { replicas: 1 });
  live.apply('one', {});
  assert.deepEqual(live.content, { replicas: 1 });
  live.apply('two', {});
  assert.deepEqual(live.content, {});
});

test('force takes the field over, so that the owner before meets the conflict', () => {
  const live = new Live();
  live.apply('one', { replicas: 1 });
  live.apply('two', { replicas: 2 }, true);
  assert.equal(live.conflicts('one', { replicas: 1 }).length, 1);
  live.apply('one', {});
  assert.deepEqual(live.content, { replicas: 2 });
});

test('a plain update owns what it changed and takes it from those who applied it', () => {
  const live = new Live();
  live.apply('one', { replicas: 1, labels: { a: '1' } });
  live.update('scaler', { replicas: 5, labels: { a: '1' } });
  assert.deepEqual(live.fieldsOf('scaler'), { 'f:replicas': {} });
  assert.deepEqual(live.conflicts('one', { replicas: 1, labels: { a: '1' } })[0]?.manager, 'scaler');
  live.apply('one', { labels: { a: '1' } });
  assert.deepEqual(live.content, { replicas: 5, labels: { a: '1' } });
});

test('an item of a list that somebody else has written into is not taken away', () => {
  const live = new Live();
  live.apply('one', { containers: [{ name: 'app', image: 'app:1' }] });
  live.apply('two', { containers: [{ name: 'app', args: ['x'] }] });
  live.apply('one', {});
  assert.deepEqual(live.content, { containers: [{ name: 'app', args: ['x'] }] });
});

test('keys that have a default are the same with it and without', () => {
  const live = new Live();
  live.update('server', { containers: [{ name: 'app', ports: [{ containerPort: 80, protocol: 'TCP' }] }] });
  live.apply('one', { containers: [{ name: 'app', ports: [{ containerPort: 80, name: 'http' }] }] });
  assert.deepEqual(live.content['containers'], [
    { name: 'app', ports: [{ containerPort: 80, protocol: 'TCP', name: 'http' }] },
  ]);
});

test('an atomic map is owned as one', () => {
  const live = new Live();
  live.apply('one', { selector: { a: '1', b: '2' } });
  assert.deepEqual(live.fieldsOf('one'), { 'f:selector': {} });
  assert.equal(live.conflicts('two', { selector: { c: '3' } })[0]?.field, '.selector');
});

test('an object that nobody accounted for belongs to an unknown manager before the first apply', () => {
  const live = new Live();
  live.object = { replicas: 3 };
  assert.equal(live.conflicts('one', { replicas: 1 })[0]?.manager, 'before-first-apply');
});

test('fields are written in the notation of managedFields', () => {
  const live = new Live();
  live.apply('one', {
    finalizers: ['x'],
    labels: { 'a.b/c': '1' },
    containers: [{ name: 'app', ports: [{ containerPort: 80 }] }],
  });
  assert.deepEqual(live.fieldsOf('one'), {
    'f:containers': {
      'k:{"name":"app"}': {
        '.': {},
        'f:name': {},
        'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
      },
    },
    'f:finalizers': { 'v:"x"': {} },
    'f:labels': { 'f:a.b/c': {} },
  });
});

const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'));
const containers = fc.uniqueArray(
  fc.record({ name: fc.constantFrom('x', 'y', 'z'), image: fc.constantFrom('i:1', 'i:2') }),
  { selector: (one) => one.name },
);
const wish = fc.record({ labels, containers });

test('an apply by force is always seen in the object, is idempotent, and is undone by applying nothing', () => {
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 4 }), wish, (earlier, wanted) => {
      const live = new Live();
      for (const one of earlier) live.apply('other', cloneJson(one), true);
      const before = cloneJson(live.content);
      const result = live.apply('me', cloneJson(wanted), true) as typeof wanted;
      for (const [name, value] of Object.entries(wanted.labels)) assert.equal(result.labels[name], value);
      for (const one of wanted.containers) assert.ok(result.containers.some((other) => sameJson(other, one)));
      assert.ok(sameJson(live.apply('me', cloneJson(wanted), true)['labels'], result.labels));
      live.apply('me', {});
      for (const name of Object.keys(before['labels'] ?? {})) {
        // What I took over by force was mine to take away; what I never touched is still there.
        if (Object.hasOwn(wanted.labels, name)) continue;
        assert.ok(Object.hasOwn(live.content['labels'] ?? {}, name));
      }
    }),
  );
});
