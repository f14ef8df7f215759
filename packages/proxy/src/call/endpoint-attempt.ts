import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { HostRequest } from '../cluster/host-request.ts';
import { Attempt, type AttemptOutcome, type AttemptOwner } from '../attempt/attempt.ts';
import { failureReports } from '../attempt/failure.ts';
import type { CallContext } from './http-call.ts';

/** Why nobody can be asked. */
export interface NoEndpoint {
  readonly reason: 'no_cluster' | 'no_host';
  readonly detail: string;
}

/** What is asked of a balancer by who does not care which endpoint answers. */
const anyHost: HostRequest = {
  originalDestination: undefined,
  subset: undefined,
  selection: 0,
  hash: () => undefined,
};

/** An attempt, not started, at an endpoint that the cluster's balancer chooses. */
export function attemptAtEndpoint(
  owner: AttemptOwner,
  ref: ClusterRef,
  { random, timers }: Pick<CallContext, 'random' | 'timers'>,
): Attempt | NoEndpoint {
  const serving = ref.cluster?.servingCluster(random());
  const cluster = serving?.cluster;
  if (cluster === undefined) return { reason: 'no_cluster', detail: `there is no cluster "${ref.name}"` };
  const host = cluster.chooseHost(anyHost, serving?.priority);
  if (host !== undefined) return new Attempt(owner, cluster, host, 'default', timers);
  cluster.stats.n.upstreamCxNoneHealthy++;
  return { reason: 'no_host', detail: `cluster "${ref.name}" has no healthy endpoint` };
}

/** Counts the status that stands for the answer of an attempt that got none. */
export function countFailed({ cluster, headReceived }: Attempt, outcome: AttemptOutcome): void {
  if (!headReceived) cluster.stats.countStatus(failureReports[outcome].status);
}
