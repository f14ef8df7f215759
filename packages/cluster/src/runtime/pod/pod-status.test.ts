import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf, type ContainerStatus, type Pod, type PodSpec } from '@lateen/kube';
import { podStatus, type PodView } from './pod-status.ts';

const running: Partial<ContainerStatus> = { state: { running: {} }, ready: true, started: true };
const creating: Partial<ContainerStatus> = { state: { waiting: { reason: 'ContainerCreating' } } };
const completed: Partial<ContainerStatus> = { state: { terminated: { exitCode: 0 } }, ready: true };

function status(name: string, rest: Partial<ContainerStatus>): ContainerStatus {
  return { name, image: 'i', imageID: '', restartCount: 0, ready: false, ...rest };
}

function statusOf(spec: Partial<PodSpec>, view: Partial<PodView>, before?: Pod['status']) {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'main' }], ...spec },
    ...(before === undefined ? {} : { status: before }),
  };
  return podStatus({
    pod,
    nodeAddress: '10.244.0.1',
    podIP: '10.244.0.9',
    startedMs: 0,
    nowMs: Date.UTC(2026, 0, 2),
    initialized: true,
    initContainers: [],
    containers: [status('main', running)],
    finished: undefined,
    ...view,
  });
}

test('a pod runs when it is initialized and a container was started, and is ready when all are', () => {
  assert.equal(statusOf({}, {}).phase, 'Running');
  assert.equal(statusOf({}, { containers: [status('main', creating)] }).phase, 'Pending');
  const two = [status('main', running), status('side', { ...running, ready: false })];
  const half = statusOf({ containers: [{ name: 'main' }, { name: 'side' }] }, { containers: two });
  assert.equal(conditionOf({ status: half }, 'Ready')?.message, 'containers with unready status: [side]');
  assert.equal(half.phase, 'Running');
});

test('init containers that are not done are named, and a sidecar counts for readiness', () => {
  const spec: Partial<PodSpec> = {
    initContainers: [{ name: 'setup' }, { name: 'proxy', restartPolicy: 'Always' }],
  };
  const inits = [status('setup', completed), status('proxy', { ...running, ready: false })];
  const starting = statusOf(spec, { initialized: false, initContainers: inits });
  assert.equal(
    conditionOf({ status: starting }, 'Initialized')?.message,
    'containers with incomplete status: [proxy]',
  );
  const started = statusOf(spec, { initContainers: inits });
  assert.equal(conditionOf({ status: started }, 'Ready')?.status, 'False');
  assert.equal(conditionOf({ status: started }, 'Initialized')?.status, 'True');
});

test('conditions keep their time while they stay, and others\u2019 conditions are left alone', () => {
  const first = statusOf({}, { nowMs: Date.UTC(2026, 0, 1) });
  const gate = { type: 'example.com/gate', status: 'True' as const };
  const before = { ...first, conditions: [...(first.conditions ?? []), gate] };
  const later = statusOf({ readinessGates: [{ conditionType: gate.type }] }, {}, before);
  assert.equal(conditionOf({ status: later }, 'Ready')?.lastTransitionTime, '2026-01-01T00:00:00Z');
  assert.deepEqual(conditionOf({ status: later }, gate.type), gate);
  const closed = statusOf({ readinessGates: [{ conditionType: 'example.com/other' }] }, {}, before);
  assert.equal(conditionOf({ status: closed }, 'Ready')?.reason, 'ReadinessGatesNotReady');
});

test('the quality of service follows from requests and limits', () => {
  const withResources = (resources: object) =>
    statusOf({ containers: [{ name: 'main', resources }] }, {}).qosClass;
  assert.equal(withResources({}), 'BestEffort');
  assert.equal(withResources({ requests: { cpu: '1' } }), 'Burstable');
  assert.equal(withResources({ limits: { cpu: 1, memory: '1Gi' } }), 'Guaranteed');
});
