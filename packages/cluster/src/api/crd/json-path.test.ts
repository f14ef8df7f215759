import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileJsonPath } from './json-path.ts';

const object = {
  metadata: { labels: { 'app.kubernetes.io/name': 'web' } },
  spec: {
    hosts: ['a', 'b'],
    ports: [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
    ],
  },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Synced', status: 'False' },
    ],
  },
};

function read(path: string): unknown[] | undefined {
  return compileJsonPath(path)?.(object);
}

test('paths of printer columns lead to their values', () => {
  assert.deepEqual(read('.spec.hosts'), [['a', 'b']]);
  assert.deepEqual(read('.spec.hosts[*]'), ['a', 'b']);
  assert.deepEqual(read('.spec.hosts[0]'), ['a']);
  assert.deepEqual(read('.spec.hosts[-1]'), ['b']);
  assert.deepEqual(read('.spec.ports[*].port'), [80, 443]);
  assert.deepEqual(read('.status.conditions[?(@.type=="Ready")].status'), ['True']);
  assert.deepEqual(read(".status.conditions[?(@.type!='Ready')].status"), ['False']);
  assert.deepEqual(read('.metadata.labels.app\\.kubernetes\\.io/name'), ['web']);
  assert.deepEqual(read(".metadata.labels['app.kubernetes.io/name']"), ['web']);
  assert.deepEqual(read('{.spec.ports[1].name}'), ['https']);
  assert.deepEqual(read('.spec.missing.deeper'), []);
  assert.deepEqual(read('.constructor'), []);
});

test('what is no path is said to be none, and nothing throws', () => {
  for (const bad of ['spec', '.spec[', '.spec[?(x)]', '.a..b'])
    assert.equal(compileJsonPath(bad), undefined, bad);
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (path, value) => {
      compileJsonPath(path)?.(value);
    }),
  );
});
