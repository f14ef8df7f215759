import { LateenError, systemClock, silentLogger, type Clock } from '@lateen/core';
import {
  conditionOf,
  informer,
  resources,
  type Deployment,
  type KubeClient,
  type KubeObject,
  type Pod,
} from '@lateen/kube';

export interface WaitOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly names: readonly string[];
  readonly timeoutMs: number;
  readonly clock?: Clock;
  /** Called with how many are ready whenever that changes. */
  readonly onProgress?: (ready: number, total: number) => void;
}

/** Waits until Deployments are rolled out; rejects with what holds them up where it takes too long. */
export async function waitForDeployments(options: WaitOptions): Promise<void> {
  const { client, namespace, names, timeoutMs, clock = systemClock, onProgress } = options;
  if (names.length === 0) return;
  const deployments = informer<Deployment>({
    client,
    resource: resources.deployments,
    selection: { namespace },
    clock,
    logger: silentLogger,
  });
  let reported = -1;
  try {
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        const ready = names.filter((name) => isRolledOut(deployments.get(namespace, name)));
        if (ready.length !== reported) onProgress?.((reported = ready.length), names.length);
        if (ready.length < names.length) return;
        timer.cancel();
        resolve();
      };
      const timer = clock.after(timeoutMs, () => {
        const late = names.filter((name) => !isRolledOut(deployments.get(namespace, name)));
        whyNotReady(client, namespace, late).then(
          (why) => reject(timedOut(namespace, late, timeoutMs, why)),
          () => reject(timedOut(namespace, late, timeoutMs, '')),
        );
      });
      deployments.subscribe(check);
      check();
    });
  } finally {
    await deployments.close();
  }
}

/** True where all replicas are of the newest template and can take traffic. */
export function isRolledOut(deployment: Deployment | undefined): boolean {
  if (deployment === undefined) return false;
  const { spec, status = {}, metadata } = deployment;
  const wanted = spec.replicas ?? 1;
  return (
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status.updatedReplicas ?? 0) >= wanted &&
    (status.availableReplicas ?? 0) >= wanted &&
    (status.replicas ?? 0) <= (status.updatedReplicas ?? 0)
  );
}

function timedOut(namespace: string, names: readonly string[], timeoutMs: number, why: string): LateenError {
  const list = names.join(', ');
  return new LateenError(
    'install.timeout',
    `${list} in namespace ${namespace} ${names.length === 1 ? 'is' : 'are'} not ready after ${Math.round(timeoutMs / 1000)} s${why === '' ? '' : `: ${why}`}`,
    {
      hint: `kubectl describe pods -n ${namespace} and kubectl logs -n ${namespace} deploy/${names[0] ?? ''} say more`,
    },
  );
}

/** What the pods say about themselves. */
async function whyNotReady(client: KubeClient, namespace: string, names: readonly string[]): Promise<string> {
  const { items } = await client.list<Pod & KubeObject>(resources.pods, { namespace });
  const reasons = items
    .filter((pod) => names.some((name) => pod.metadata.name.startsWith(`${name}-`)))
    .flatMap((pod) => {
      const waiting = pod.status?.containerStatuses?.find((status) => status.state?.waiting !== undefined);
      const state = waiting?.state?.waiting;
      if (state !== undefined)
        return [`${pod.metadata.name}: ${state.reason ?? 'waiting'} ${state.message ?? ''}`.trim()];
      const scheduled = conditionOf(pod, 'PodScheduled');
      if (scheduled?.status === 'False')
        return [`${pod.metadata.name}: ${scheduled.message ?? 'not scheduled'}`];
      return conditionOf(pod, 'Ready')?.status === 'True' ? [] : [`${pod.metadata.name}: not ready`];
    });
  return reasons.join('; ');
}
