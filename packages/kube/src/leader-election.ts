import { messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import type { KubeClient } from './client.ts';
import type { Lease } from './kinds/cluster-objects.ts';
import { resources } from './resources.ts';
import { isStatus } from './status-error.ts';

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Name of the Lease that the candidates share. */
  readonly name: string;
  /** Different for each candidate; a pod's name. */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when this candidate becomes the leader; `signal` is aborted when it is the leader no longer. */
  readonly lead: (signal: AbortSignal) => void;
  /** For how long a leader that is not heard of keeps others from leading; default 15 s. */
  readonly leaseMs?: number;
  /** How long renewing may fail before the leader steps down; must be shorter than the lease. Default 10 s. */
  readonly renewDeadlineMs?: number;
  /** Time between two tries; default 2 s. */
  readonly retryMs?: number;
}

export interface LeaderElection {
  readonly leading: boolean;
  /** Steps down and lets the next candidate lead at once. */
  close(): Promise<void>;
}

/**
 * Takes part in the election of a leader by a Lease, as other Kubernetes controllers do.
 *
 * Times of other candidates are never compared with the own clock: a lease has run out when it has not changed
 * for its length, seen from here.
 */
export function leaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, namespace, name, identity, clock, logger } = options;
  const leaseMs = options.leaseMs ?? 15_000;
  const renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
  const retryMs = options.retryMs ?? 2_000;
  let reign: AbortController | undefined;
  let renewedMs = 0;
  let seen = '';
  let seenMs = 0;
  let closed = false;
  let timer: Timer | undefined;
  let last: Promise<void> = Promise.resolve();

  const microTime = (): string => new Date(clock.now()).toISOString().replace(/Z$/, '000Z');

  /** Takes or renews the lease; false where somebody else has it. */
  const hold = async (): Promise<boolean> => {
    let lease: Lease;
    try {
      lease = await client.get<Lease>(resources.leases, namespace, name);
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
      await client.create<Lease>(resources.leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace },
        spec: claimOf(undefined),
      });
      return true;
    }
    const now = clock.monotonicMs();
    const mark = `${lease.spec?.holderIdentity} ${lease.spec?.renewTime} ${lease.metadata.resourceVersion}`;
    if (mark !== seen) {
      seen = mark;
      seenMs = now;
    }
    const holder = lease.spec?.holderIdentity ?? '';
    const lengthMs = (lease.spec?.leaseDurationSeconds ?? leaseMs / 1000) * 1000;
    if (holder !== '' && holder !== identity && now - seenMs < lengthMs) return false;
    await client.update<Lease>(resources.leases, { ...lease, spec: claimOf(lease) });
    return true;
  };

  const claimOf = (before: Lease | undefined): NonNullable<Lease['spec']> => {
    const mine = before?.spec?.holderIdentity === identity;
    return {
      ...before?.spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.round(leaseMs / 1000),
      acquireTime: mine ? (before.spec?.acquireTime ?? microTime()) : microTime(),
      renewTime: microTime(),
      leaseTransitions: (before?.spec?.leaseTransitions ?? 0) + (mine || before === undefined ? 0 : 1),
    };
  };

  const stepDown = (why: string): void => {
    if (reign === undefined) return;
    logger.warn('no longer the leader', { lease: name, why });
    reign.abort(new Error(why));
    reign = undefined;
  };

  const attempt = async (): Promise<void> => {
    const startedMs = clock.monotonicMs();
    try {
      if (await hold()) {
        renewedMs = startedMs;
        if (reign === undefined && !closed) {
          logger.info('leading', { lease: name, identity });
          reign = new AbortController();
          options.lead(reign.signal);
        }
      } else stepDown('somebody else holds the lease');
    } catch (error) {
      logger.debug('the lease was neither taken nor renewed', { lease: name, error: messageOf(error) });
    }
    if (!closed) {
      timer = clock.after(retryMs, () => {
        last = attempt();
      });
    }
  };

  // Runs by itself: a call to the server that hangs must not keep a leader in office.
  const watchdog = clock.every(Math.min(1000, retryMs), () => {
    if (reign !== undefined && clock.monotonicMs() - renewedMs > renewDeadlineMs) {
      stepDown('the lease could not be renewed in time');
    }
  });

  last = attempt();
  return {
    get leading() {
      return reign !== undefined;
    },
    async close() {
      closed = true;
      timer?.cancel();
      watchdog.cancel();
      await last;
      if (reign === undefined) return;
      stepDown('closing');
      try {
        const lease = await client.get<Lease>(resources.leases, namespace, name);
        if (lease.spec?.holderIdentity !== identity) return;
        const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime() };
        await client.update<Lease>(resources.leases, { ...lease, spec });
      } catch (error) {
        logger.debug('the lease was not given back', { lease: name, error: messageOf(error) });
      }
    },
  };
}
