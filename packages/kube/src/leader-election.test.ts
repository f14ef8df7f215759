import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock, silentLogger } from '@lateen/core';
import type { KubeClient } from './client.ts';
import type { Lease } from './kinds/cluster-objects.ts';
import { leaderElection, type LeaderElection } from './leader-election.ts';
import { KubeStatusError } from './status-error.ts';

const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

function failure(reason: string, code: number): KubeStatusError {
  return new KubeStatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason,
    code,
  });
}

/** One Lease with optimistic concurrency. */
class LeaseServer {
  lease: Lease | undefined;
  down = false;
  #revision = 0;

  #put(lease: Lease): Lease {
    this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(++this.#revision) } };
    return this.lease;
  }

  readonly client = {
    get: async () => {
      if (this.down) throw new Error('down');
      if (this.lease === undefined) throw failure('NotFound', 404);
      return this.lease;
    },
    create: async (_resource: unknown, lease: Lease) => {
      if (this.lease !== undefined) throw failure('AlreadyExists', 409);
      return this.#put(lease);
    },
    update: async (_resource: unknown, lease: Lease) => {
      if (this.down) throw new Error('down');
      if (lease.metadata.resourceVersion !== this.lease?.metadata.resourceVersion)
        throw failure('Conflict', 409);
      return this.#put(lease);
    },
  } as unknown as KubeClient;
}

function candidate(server: LeaseServer, clock: TestClock, identity: string, log: string[]): LeaderElection {
  return leaderElection({
    client: server.client,
    namespace: 'default',
    name: 'leader',
    identity,
    clock,
    logger: silentLogger,
    lead: (signal) => {
      log.push(`${identity} leads`);
      signal.addEventListener('abort', () => log.push(`${identity} ends`));
    },
  });
}

async function pass(clock: TestClock, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    clock.advance(1000);
    await settle();
  }
}

test('of two candidates one leads, as long as it renews', async () => {
  const [server, clock, log] = [new LeaseServer(), new TestClock(), [] as string[]];
  const both = [candidate(server, clock, 'a', log), candidate(server, clock, 'b', log)];
  await settle();
  await pass(clock, 60);
  assert.deepEqual(log, ['a leads']);
  assert.equal(server.lease?.spec?.holderIdentity, 'a');
  await Promise.all(both.map((each) => each.close()));
});

test('a leader that closes hands over at once', async () => {
  const [server, clock, log] = [new LeaseServer(), new TestClock(), [] as string[]];
  const a = candidate(server, clock, 'a', log);
  await settle();
  const b = candidate(server, clock, 'b', log);
  await a.close();
  await pass(clock, 2);
  assert.deepEqual(log, ['a leads', 'a ends', 'b leads']);
  assert.equal(server.lease?.spec?.leaseTransitions, 1);
  await b.close();
});

test('a leader that cannot renew steps down before anybody else may lead', async () => {
  const [server, clock, log] = [new LeaseServer(), new TestClock(), [] as string[]];
  const a = candidate(server, clock, 'a', log);
  await settle();
  server.down = true;
  await pass(clock, 9);
  assert.deepEqual(log, ['a leads']);
  await pass(clock, 3);
  assert.deepEqual(log, ['a leads', 'a ends']);
  server.down = false;
  const b = candidate(server, clock, 'b', log);
  server.lease = { ...(server.lease as Lease), spec: { ...server.lease?.spec, holderIdentity: 'dead' } };
  await settle();
  await pass(clock, 14);
  assert.deepEqual(log, ['a leads', 'a ends']);
  await pass(clock, 6);
  assert.equal(log.length, 3);
  await Promise.all([a.close(), b.close()]);
});
