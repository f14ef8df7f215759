import { messageOf, type Clock, type Logger } from '@lateen/core';
import type { KubeClient } from './client.ts';
import type { KubeEvent } from './kinds/cluster-objects.ts';
import type { KubeObject } from './object.ts';
import { resources } from './resources.ts';
import { isStatus } from './status-error.ts';

/** Writes what happens to an object where `kubectl describe` and `kubectl get events` show it. */
export interface EventRecorder {
  /**
   * Notes that something happened; returns at once. The same thing happening to the same object again raises
   * the count of the event that is there.
   */
  record(
    object: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    fieldPath?: string,
  ): void;
  /** Resolves when everything noted so far is written. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Who reports, as in `deployment-controller`. */
  readonly component: string;
  /** The node, for events of the node's own agent. */
  readonly host?: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How many events are remembered in order to count them. */
const rememberedEvents = 1024;

export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, component, clock, logger } = options;
  const known = new Map<string, KubeEvent>();
  let last: Promise<void> = Promise.resolve();
  let serial = 0;

  const write = async (key: string, event: KubeEvent): Promise<void> => {
    const before = known.get(key);
    if (before !== undefined) {
      const count = (before.count ?? 1) + 1;
      try {
        const patch = { count, message: event.message, lastTimestamp: event.lastTimestamp };
        const { namespace, name } = before.metadata;
        known.set(key, await client.patch<KubeEvent>(resources.events, namespace, name, 'merge', patch));
        return;
      } catch (error) {
        known.delete(key);
        if (!isStatus(error, 'NotFound')) throw error;
      }
    }
    known.set(key, await client.create<KubeEvent>(resources.events, event));
    if (known.size > rememberedEvents) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
  };

  return {
    record(object, type, reason, message, fieldPath) {
      const { namespace = 'default', name, uid } = object.metadata;
      const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
      const event: KubeEvent = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: {
          namespace,
          name: `${name}.${(clock.now() * 1000 + (serial++ % 1000)).toString(16)}`,
        },
        involvedObject: {
          apiVersion: object.apiVersion,
          kind: object.kind,
          ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
          name,
          ...(uid === undefined ? {} : { uid }),
          ...(object.metadata.resourceVersion === undefined
            ? {}
            : { resourceVersion: object.metadata.resourceVersion }),
          ...(fieldPath === undefined ? {} : { fieldPath }),
        },
        type,
        reason,
        message: message.slice(0, 1024),
        count: 1,
        firstTimestamp: now,
        lastTimestamp: now,
        source: { component, ...(options.host === undefined ? {} : { host: options.host }) },
        reportingComponent: component,
        reportingInstance: options.host ?? '',
      };
      const key = `${uid ?? `${namespace}/${name}`} ${fieldPath ?? ''} ${type} ${reason} ${message}`;
      last = last.then(() =>
        write(key, event).catch((error: unknown) => {
          // An event that is lost, say because its namespace is going away, stops nobody.
          logger.debug('an event was not written', { reason, object: name, error: messageOf(error) });
        }),
      );
    },
    flush: () => last,
  };
}
