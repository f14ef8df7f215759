import { conditionOf, type Container, type ContainerStatus, type KubeObject, type Pod } from '@lateen/kube';
import { ageOf, sinceText } from './age.ts';
import { column, wideColumn } from './column.ts';
import { ageColumn, nameColumn } from './name-and-age.ts';
import type { Cell, TableLayout } from './table-layout.ts';

/** What the columns READY, STATUS and RESTARTS of a pod say. */
export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

const isNative = (container: Container): boolean => container.restartPolicy === 'Always';

/**
 * Sums a pod up as kubectl's users know it: an init container that holds things up before anything
 * else, then the first container that waits or has ended, then the phase; native sidecars count
 * among the containers.
 */
export function summarizePod(pod: Pod, nowMs: number): PodSummary {
  const { spec, metadata, status = {} } = pod;
  const initContainers = spec.initContainers ?? [];
  const natives = new Set(initContainers.filter(isNative).map(({ name }) => name));
  const initStatuses = status.initContainerStatuses ?? [];
  const statuses = status.containerStatuses ?? [];
  const counted = [...initStatuses.filter(({ name }) => natives.has(name)), ...statuses];
  const ready = counted.filter((one) => one.ready && one.state?.running !== undefined).length;
  const total = spec.containers.length + natives.size;

  let text = status.reason ?? status.phase ?? 'Pending';
  const held = initState(initStatuses, initContainers);
  if (held !== undefined) text = held;
  else text = containersState(statuses, pod) ?? text;
  if (metadata.deletionTimestamp !== undefined)
    text = status.reason === 'NodeLost' ? 'Unknown' : 'Terminating';
  return {
    ready: `${ready}/${total}`,
    status: text,
    restarts: restartsText(counted.length > 0 && held === undefined ? counted : initStatuses, nowMs),
  };
}

function initState(
  statuses: readonly ContainerStatus[],
  containers: readonly Container[],
): string | undefined {
  for (const [i, one] of statuses.entries()) {
    const native = containers.find(({ name }) => name === one.name);
    const { terminated, waiting } = one.state ?? {};
    if (terminated !== undefined && terminated.exitCode === 0) continue;
    if (native !== undefined && isNative(native) && one.started === true) continue;
    if (terminated !== undefined) return `Init:${endText(terminated)}`;
    if (waiting?.reason !== undefined && waiting.reason !== '' && waiting.reason !== 'PodInitializing') {
      return `Init:${waiting.reason}`;
    }
    return `Init:${i}/${containers.length}`;
  }
  return undefined;
}

interface Ended {
  readonly reason?: string;
  readonly exitCode: number;
  readonly signal?: number;
}

function endText(ended: Ended): string {
  if (ended.reason !== undefined && ended.reason !== '') return ended.reason;
  return ended.signal === undefined || ended.signal === 0
    ? `ExitCode:${ended.exitCode}`
    : `Signal:${ended.signal}`;
}

function containersState(statuses: readonly ContainerStatus[], pod: Pod): string | undefined {
  let text: string | undefined;
  let running = false;
  for (const one of statuses.toReversed()) {
    const { waiting, terminated } = one.state ?? {};
    if (waiting?.reason !== undefined && waiting.reason !== '') text = waiting.reason;
    else if (terminated !== undefined) text = endText(terminated);
    else if (one.ready && one.state?.running !== undefined) running = true;
  }
  if (text === 'Completed' && running)
    return conditionOf(pod, 'Ready')?.status === 'True' ? 'Running' : 'NotReady';
  return text;
}

function restartsText(statuses: readonly ContainerStatus[], nowMs: number): string {
  const count = statuses.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0);
  const ends = statuses
    .map(({ lastState }) => lastState?.terminated?.finishedAt)
    .filter((time) => time !== undefined)
    .sort();
  const last = ends.at(-1);
  return count === 0 || last === undefined ? String(count) : `${count} (${sinceText(last, nowMs)} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec['readinessGates'] ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter(({ conditionType }) => conditionOf(pod, conditionType)?.status === 'True');
  return `${met.length}/${gates.length}`;
}

export const podTable: TableLayout = {
  columns: [
    nameColumn,
    column('Ready', 'Containers that are ready, of all that there are.'),
    column('Status', 'What the pod does, or what it waits for.'),
    column('Restarts', 'How often its containers were started again, and when last.'),
    ageColumn,
    wideColumn('IP', 'Address of the pod.'),
    wideColumn('Node', 'Node that it runs on.'),
    wideColumn('Nominated Node', 'Node that is being made free for it.'),
    wideColumn('Readiness Gates', 'Further conditions that are met, of all that were asked for.'),
  ],
  cells(object: KubeObject, nowMs: number): Cell[] {
    const pod = object as Pod;
    const { ready, status, restarts } = summarizePod(pod, nowMs);
    return [
      pod.metadata.name,
      ready,
      status,
      restarts,
      ageOf(pod, nowMs),
      pod.status?.podIP ?? '<none>',
      pod.spec.nodeName ?? '<none>',
      '<none>',
      readinessGates(pod),
    ];
  },
};
