import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, ContainerStatus, Pod } from '@lateen/kube';
import { summarizePod } from './pods.ts';

const nowMs = Date.parse('2026-01-01T00:10:00Z');
const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };

function pod(
  containers: ContainerStatus[],
  rest: {
    readonly init?: Container[];
    readonly initStatuses?: ContainerStatus[];
    readonly deleted?: boolean;
  } = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', ...(rest.deleted === true ? { deletionTimestamp: '2026-01-01T00:09:00Z' } : {}) },
    spec: {
      containers: containers.map(({ name }) => ({ name })),
      ...(rest.init === undefined ? {} : { initContainers: rest.init }),
    },
    status: {
      phase: 'Running',
      containerStatuses: containers,
      ...(rest.initStatuses === undefined ? {} : { initContainerStatuses: rest.initStatuses }),
    },
  };
}

function container(
  name: string,
  state: ContainerStatus['state'],
  more: Partial<ContainerStatus> = {},
): ContainerStatus {
  return {
    name,
    ready: state?.running !== undefined,
    restartCount: 0,
    image: '',
    imageID: '',
    ...more,
    state: state ?? {},
  };
}

test('a pod whose containers run is Running and counts them', () => {
  assert.deepEqual(summarizePod(pod([container('a', running), container('b', running)]), nowMs), {
    ready: '2/2',
    status: 'Running',
    restarts: '0',
  });
});

test('a native sidecar counts among the containers', () => {
  const summary = summarizePod(
    pod([container('a', running)], {
      init: [{ name: 'istio-proxy', restartPolicy: 'Always' }],
      initStatuses: [container('istio-proxy', running, { started: true })],
    }),
    nowMs,
  );
  assert.deepEqual([summary.ready, summary.status], ['2/2', 'Running']);
});

test('an init container that runs is shown with its place among all', () => {
  const summary = summarizePod(
    pod([container('a', { waiting: { reason: 'PodInitializing' } })], {
      init: [{ name: 'one' }, { name: 'two' }],
      initStatuses: [
        container('one', { terminated: { exitCode: 0, reason: 'Completed' } }),
        container('two', running),
      ],
    }),
    nowMs,
  );
  assert.equal(summary.status, 'Init:1/2');
});

test('a container that fails over and over is named with its restarts and the time of the last', () => {
  const summary = summarizePod(
    pod([
      container(
        'a',
        { waiting: { reason: 'CrashLoopBackOff' } },
        {
          restartCount: 3,
          lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:09:30Z' } },
        },
      ),
    ]),
    nowMs,
  );
  assert.deepEqual(summary, { ready: '0/1', status: 'CrashLoopBackOff', restarts: '3 (30s ago)' });
});

test('a pod that is being deleted is Terminating', () => {
  assert.equal(summarizePod(pod([container('a', running)], { deleted: true }), nowMs).status, 'Terminating');
});
