import {
  WorkQueue,
  conditionOf,
  isStatus,
  resources,
  type Condition,
  type Node,
  type Pod,
} from '@lateen/kube';
import { apiTime, queueKey, splitQueueKey, type Controller, type ControllerContext } from './controller.ts';
import { fitsNode } from './node-fit.ts';

/** Binds pods without a node to one that they fit. */
export function scheduler(context: ControllerContext): Controller {
  const { client, informers, clock, ready } = context;
  const logger = context.logger.scope('scheduler');
  const events = context.events('default-scheduler');

  const sync = async (key: string): Promise<void> => {
    const [namespace, name] = splitQueueKey(key);
    const pod = informers.pods.get(namespace, name);
    if (pod === undefined || !isMine(pod)) return;
    const nodes = informers.nodes.list();
    // Before the node has registered there is nothing to say; its arrival brings the pod back here.
    if (nodes.length === 0) return;
    const misfits = new Map<string, number>();
    for (const node of nodes) {
      const misfit = fitsNode(pod, node);
      if (misfit === undefined) {
        await bind(pod, node);
        return;
      }
      misfits.set(misfit, (misfits.get(misfit) ?? 0) + 1);
    }
    const reasons = [...misfits].map(([reason, count]) => `${count} ${reason}`).join(', ');
    await reportUnschedulable(pod, `0/${nodes.length} nodes are available: ${reasons}.`);
  };

  const bind = async (pod: Pod, node: Node): Promise<void> => {
    const { namespace, name, uid } = pod.metadata;
    try {
      await client.raw('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: node.metadata.name },
      });
    } catch (error) {
      // Deleted, or bound by somebody else in the meantime.
      if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict')) return;
      throw error;
    }
    const message = `Successfully assigned ${namespace}/${name} to ${node.metadata.name}`;
    events.record(pod, 'Normal', 'Scheduled', message);
  };

  const reportUnschedulable = async (pod: Pod, message: string): Promise<void> => {
    const before = conditionOf(pod.status === undefined ? {} : { status: pod.status }, 'PodScheduled');
    if (before?.status === 'False' && before.message === message) return;
    events.record(pod, 'Warning', 'FailedScheduling', message);
    const condition: Condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: apiTime(clock),
    };
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
    const { namespace, name, uid } = pod.metadata;
    const patch = { metadata: { uid }, status: { phase: 'Pending', conditions: [...others, condition] } };
    try {
      await client.patch(resources.pods, namespace, name, 'merge', patch, { subresource: 'status' });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  };

  const queue = new WorkQueue({ clock, logger, ready, work: sync, backoff: { baseMs: 5, maxMs: 5_000 } });
  const unsubscribe = [
    informers.pods.subscribe((change) => {
      if (change.type !== 'deleted' && isMine(change.object)) queue.add(queueKey(change.object));
    }),
    informers.nodes.subscribe((change) => {
      if (
        change.type === 'deleted' ||
        (change.type === 'changed' && !hasNews(change.object, change.previous))
      ) {
        return;
      }
      for (const pod of informers.pods.list()) if (isMine(pod)) queue.add(queueKey(pod));
    }),
  ];
  return {
    async close() {
      for (const end of unsubscribe) end();
      await queue.close();
      await events.flush();
    },
  };
}

function isMine(pod: Pod): boolean {
  const { nodeName, schedulerName } = pod.spec;
  return (
    (nodeName === undefined || nodeName === '') &&
    (schedulerName === undefined || schedulerName === 'default-scheduler') &&
    pod.metadata.deletionTimestamp === undefined
  );
}

/** True where a node has changed in what scheduling looks at; heartbeats are not that. */
function hasNews(node: Node, previous: Node): boolean {
  const facts = ({ metadata, spec }: Node): string => JSON.stringify([metadata.labels, spec]);
  return facts(node) !== facts(previous);
}
