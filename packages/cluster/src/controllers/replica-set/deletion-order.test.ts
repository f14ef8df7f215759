import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodStatus } from '@lateen/kube';
import { compareForDeletion } from './deletion-order.ts';

function pod(
  name: string,
  status: PodStatus,
  more: { created?: string; cost?: string; node?: string } = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      creationTimestamp: more.created ?? '2026-01-01T00:00:00Z',
      annotations: more.cost === undefined ? {} : { 'controller.kubernetes.io/pod-deletion-cost': more.cost },
    },
    spec: { containers: [], ...(more.node === '' ? {} : { nodeName: 'lateen' }) },
    status,
  };
}

function ready(since: string, restartCount = 0): PodStatus {
  return {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }],
    containerStatuses: [{ name: 'c', ready: true, restartCount, image: '', imageID: '' }],
  };
}

test('the pods that would be missed least go first', () => {
  const inOrder = [
    pod('unassigned', { phase: 'Pending' }, { node: '' }),
    pod('pending', { phase: 'Pending' }),
    pod('not ready', { phase: 'Running' }),
    pod('cheap', ready('2026-01-01T00:00:00Z'), { cost: '-5' }),
    pod('ready lately', ready('2026-01-01T09:00:00Z')),
    pod('restarted', ready('2026-01-01T00:00:00Z', 3)),
    pod('young', ready('2026-01-01T00:00:00Z'), { created: '2026-01-01T08:00:00Z' }),
    pod('old', ready('2026-01-01T00:00:00Z')),
  ];
  const sorted = inOrder.toReversed().sort(compareForDeletion);
  assert.deepEqual(
    sorted.map(({ metadata }) => metadata.name),
    inOrder.map(({ metadata }) => metadata.name),
  );
});
