import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, PodSpec } from '@lateen/kube';
import { fitsNode } from './node-fit.ts';

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'lateen', labels: { 'kubernetes.io/os': 'linux', cores: '2' } },
};

function pod(spec: Partial<PodSpec>): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [], ...spec } };
}

function wanting(...terms: object[]): Pod {
  return pod({
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
    },
  });
}

test('selectors and required affinities must match, one term of several being enough', () => {
  const misfit = "node(s) didn't match Pod's node affinity/selector";
  const expression = (key: string, operator: string, ...values: string[]): object => ({
    matchExpressions: [{ key, operator, values }],
  });
  assert.equal(fitsNode(pod({}), node), undefined);
  assert.equal(fitsNode(pod({ nodeSelector: { 'kubernetes.io/os': 'linux' } }), node), undefined);
  assert.equal(fitsNode(pod({ nodeSelector: { disk: 'ssd' } }), node), misfit);
  assert.equal(fitsNode(wanting(expression('disk', 'Exists')), node), misfit);
  assert.equal(
    fitsNode(wanting(expression('disk', 'Exists'), expression('cores', 'Gt', '1')), node),
    undefined,
  );
  assert.equal(fitsNode(wanting(expression('cores', 'Lt', '2')), node), misfit);
  assert.equal(fitsNode(wanting({}), node), misfit);
  const byName = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['other'] }] };
  assert.equal(fitsNode(wanting(byName), node), misfit);
});

test('a taint keeps pods away that do not tolerate it', () => {
  const tainted: Node = { ...node, spec: { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] } };
  assert.equal(fitsNode(pod({}), tainted), 'node(s) had untolerated taint {a: b}');
  for (const toleration of [
    { key: 'a', value: 'b' },
    { key: 'a', operator: 'Exists', effect: 'NoSchedule' },
    { operator: 'Exists' },
  ]) {
    assert.equal(fitsNode(pod({ tolerations: [toleration] }), tainted), undefined);
  }
  assert.equal(fitsNode(pod({}), { ...node, spec: { unschedulable: true } }), 'node(s) were unschedulable');
});
