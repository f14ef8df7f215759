import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideInjection, type DecisionInput } from './decision.ts';
import { defaultInjectionValues } from './injection-values.ts';

function decide(
  metadata: DecisionInput['metadata'],
  options: Partial<typeof defaultInjectionValues> & { namespace?: string; hostNetwork?: boolean } = {},
): boolean {
  return decideInjection(
    {
      metadata,
      namespace: options.namespace ?? 'default',
      spec: { containers: [{ name: 'app' }], hostNetwork: options.hostNetwork ?? false },
    },
    { ...defaultInjectionValues, ...options },
  ).inject;
}

test('a pod that says nothing follows the policy', () => {
  assert.equal(decide({}), true);
  assert.equal(decide({}, { policy: 'disabled' }), false);
});

test('the label of a pod goes before its annotation, and both before the policy', () => {
  const key = 'sidecar.istio.io/inject';
  assert.equal(decide({ annotations: { [key]: 'false' } }), false);
  assert.equal(decide({ annotations: { [key]: 'true' } }, { policy: 'disabled' }), true);
  assert.equal(decide({ annotations: { [key]: 'true' }, labels: { [key]: 'false' } }), false);
  assert.equal(decide({ labels: { [key]: 'maybe' } }), false);
});

test('host networking and the platform’s namespaces are never injected', () => {
  const wants = { labels: { 'sidecar.istio.io/inject': 'true' } };
  assert.equal(decide(wants, { hostNetwork: true }), false);
  assert.equal(decide(wants, { namespace: 'kube-system' }), false);
});

test('selectors decide where the pod says nothing', () => {
  const neverInjectSelector = [{ matchExpressions: [{ key: 'job-name', operator: 'Exists' as const }] }];
  assert.equal(decide({ labels: { 'job-name': 'x' } }, { neverInjectSelector }), false);
  assert.equal(
    decide({ labels: { 'job-name': 'x', 'sidecar.istio.io/inject': 'true' } }, { neverInjectSelector }),
    true,
  );
});
