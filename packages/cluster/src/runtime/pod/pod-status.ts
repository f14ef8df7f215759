import type { Condition, Container, ContainerStatus, Pod, PodStatus } from '@lateen/kube';
import { apiTime } from '../container/container-stage.ts';

/** What a pod worker knows, from which the pod's status follows. */
export interface PodView {
  readonly pod: Pod;
  readonly nodeAddress: string;
  /** Undefined until the pod has a network. */
  readonly podIP: string | undefined;
  readonly startedMs: number;
  readonly nowMs: number;
  /** Every init container that runs to its end has done so, and every sidecar has started. */
  readonly initialized: boolean;
  /** In the order of the spec. */
  readonly initContainers: readonly ContainerStatus[];
  readonly containers: readonly ContainerStatus[];
  /** Set where nothing of the pod will run again. */
  readonly finished: 'Succeeded' | 'Failed' | undefined;
}

function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

function qosClass(pod: Pod): NonNullable<PodStatus['qosClass']> {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const resources = all.map((container) => container.resources ?? {});
  const isEmpty = (map: object | undefined): boolean => Object.keys(map ?? {}).length === 0;
  if (resources.every(({ limits, requests }) => isEmpty(limits) && isEmpty(requests))) return 'BestEffort';
  const guaranteed = resources.every(({ limits = {}, requests = {} }) =>
    ['cpu', 'memory'].every((name) => {
      const limit = limits[name];
      return limit !== undefined && String(requests[name] ?? limit) === String(limit);
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function phaseOf(view: PodView): NonNullable<PodStatus['phase']> {
  if (view.finished !== undefined) return view.finished;
  const ran = view.containers.some(
    (status) => status.state?.waiting === undefined || status.lastState?.terminated,
  );
  return view.initialized && ran ? 'Running' : 'Pending';
}

function names(statuses: readonly ContainerStatus[]): string {
  return `[${statuses.map((status) => status.name).join(' ')}]`;
}

interface Verdict {
  readonly type: string;
  readonly ok: boolean;
  readonly reason?: string;
  readonly message?: string;
}

function initializedVerdict(view: PodView): Verdict {
  if (view.initialized) return { type: 'Initialized', ok: true };
  const waiting = view.initContainers.filter(
    (status) => status.state?.terminated?.exitCode !== 0 && !status.ready,
  );
  return {
    type: 'Initialized',
    ok: false,
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: ${names(waiting)}`,
  };
}

function readyVerdicts(view: PodView): Verdict[] {
  if (view.finished === 'Succeeded') {
    const reason = 'PodCompleted';
    return [
      { type: 'Ready', ok: false, reason },
      { type: 'ContainersReady', ok: false, reason },
    ];
  }
  const sidecars = view.initContainers.filter((_, i) => {
    const container = view.pod.spec.initContainers?.[i];
    return container !== undefined && isSidecar(container);
  });
  const unready = [...sidecars, ...view.containers].filter((status) => !status.ready);
  const containersReady: Verdict =
    unready.length === 0 && view.initialized
      ? { type: 'ContainersReady', ok: true }
      : {
          type: 'ContainersReady',
          ok: false,
          reason: view.finished === undefined ? 'ContainersNotReady' : 'PodFailed',
          message: `containers with unready status: ${names(unready)}`,
        };
  const gates = (view.pod.spec.readinessGates ?? []).filter(({ conditionType }) => {
    const gate = view.pod.status?.conditions?.find((condition) => condition.type === conditionType);
    return gate?.status !== 'True';
  });
  if (containersReady.ok && gates.length > 0) {
    const message = `corresponding condition of pod readiness gate "${gates[0]?.conditionType}" does not exist or is not True.`;
    return [{ type: 'Ready', ok: false, reason: 'ReadinessGatesNotReady', message }, containersReady];
  }
  return [{ ...containersReady, type: 'Ready' }, containersReady];
}

function mergeConditions(view: PodView, verdicts: readonly Verdict[]): Condition[] {
  const before = view.pod.status?.conditions ?? [];
  const own = verdicts.map(({ type, ok, reason, message }): Condition => {
    const status = ok ? 'True' : 'False';
    const old = before.find((condition) => condition.type === type);
    const since = old?.status === status ? old.lastTransitionTime : undefined;
    return {
      type,
      status,
      lastProbeTime: null,
      lastTransitionTime: since ?? apiTime(view.nowMs),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    };
  });
  const mine = new Set(own.map((condition) => condition.type));
  return [...own, ...before.filter((condition) => !mine.has(condition.type))];
}

/** The status of a pod, as the node reports it. */
export function podStatus(view: PodView): PodStatus {
  const { pod, podIP, nodeAddress } = view;
  return {
    phase: phaseOf(view),
    conditions: mergeConditions(view, [
      { type: 'PodReadyToStartContainers', ok: podIP !== undefined },
      initializedVerdict(view),
      ...readyVerdicts(view),
      { type: 'PodScheduled', ok: true },
    ]),
    hostIP: nodeAddress,
    hostIPs: [{ ip: nodeAddress }],
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: pod.status?.startTime ?? apiTime(view.startedMs),
    ...(view.initContainers.length > 0 ? { initContainerStatuses: [...view.initContainers] } : {}),
    containerStatuses: [...view.containers],
    qosClass: pod.status?.qosClass ?? qosClass(pod),
  };
}
