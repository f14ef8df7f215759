import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock, silentLogger } from '@lateen/core';
import type { KubeClient } from './client.ts';
import { eventRecorder } from './event-recorder.ts';
import type { KubeEvent } from './kinds/cluster-objects.ts';
import type { KubeObject } from './object.ts';
import { KubeStatusError } from './status-error.ts';

/** Keeps events as an API server would. */
class EventServer {
  readonly events = new Map<string, KubeEvent>();

  readonly client = {
    create: async (_resource: unknown, event: KubeEvent) => {
      assert.ok(!this.events.has(event.metadata.name));
      this.events.set(event.metadata.name, event);
      return event;
    },
    patch: async (_resource: unknown, _namespace: string, name: string, _type: string, patch: object) => {
      const event = this.events.get(name);
      if (event === undefined) {
        throw new KubeStatusError({
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          reason: 'NotFound',
          code: 404,
        });
      }
      const changed = { ...event, ...patch };
      this.events.set(name, changed);
      return changed;
    },
  } as unknown as KubeClient;
}

function recorderOf(server: EventServer) {
  const clock = new TestClock();
  const { client } = server;
  return eventRecorder({ client, component: 'tester', clock, logger: silentLogger });
}

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
};

test('the same thing happening again is counted, another one is another event', async () => {
  const server = new EventServer();
  const events = recorderOf(server);
  for (let i = 0; i < 3; i++) events.record(pod, 'Warning', 'BackOff', 'restarting');
  events.record(pod, 'Normal', 'Pulled', 'it is there');
  await events.flush();
  const [first, second] = [...server.events.values()];
  assert.deepEqual([first?.reason, first?.count, second?.reason, second?.count], ['BackOff', 3, 'Pulled', 1]);
  assert.deepEqual(first?.involvedObject, {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: 'default',
    name: 'web',
    uid: 'u1',
  });
});

test('messages that differ each time end up in one event', async () => {
  const server = new EventServer();
  const events = recorderOf(server);
  for (let i = 0; i < 30; i++) events.record(pod, 'Warning', 'FailedCreate', `pod web-${i} was refused`);
  await events.flush();
  assert.equal(server.events.size, 11);
  const last = [...server.events.values()].at(-1);
  assert.deepEqual(
    [last?.count, last?.message],
    [20, '(combined from similar events): pod web-29 was refused'],
  );
});

test('an event that has been deleted in the meantime is written anew', async () => {
  const server = new EventServer();
  const events = recorderOf(server);
  events.record(pod, 'Normal', 'Pulled', 'it is there');
  await events.flush();
  server.events.clear();
  events.record(pod, 'Normal', 'Pulled', 'it is there');
  await events.flush();
  assert.equal([...server.events.values()][0]?.count, 1);
});
