import { randomBytes } from 'node:crypto';
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

/** After so many different messages for the same reason, further ones are counted in one event. */
const distinctMessages = 10;

export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, component, clock, logger } = options;
  const known = new Map<string, KubeEvent>();
  let last: Promise<void> = Promise.resolve();
  const messages = new Map<string, Set<string>>();

  /** The message as it is written: its own, or one for all that are alike. */
  const combined = (group: string, message: string): { readonly key: string; readonly text: string } => {
    let seen = messages.get(group);
    if (seen === undefined) messages.set(group, (seen = new Set()));
    if (seen.has(message) || seen.size < distinctMessages) {
      seen.add(message);
      forgetOldest(messages);
      return { key: `${group} ${message}`, text: message };
    }
    return { key: group, text: `(combined from similar events): ${message}` };
  };

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
    forgetOldest(known);
  };

  return {
    record(object, type, reason, message, fieldPath) {
      const { namespace = 'default', name, uid } = object.metadata;
      const group = `${uid ?? `${namespace}/${name}`} ${fieldPath ?? ''} ${type} ${reason}`;
      const { key, text } = combined(group, message.slice(0, 1000));
      const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
      const event: KubeEvent = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: {
          namespace,
          // Another recorder may write about the same object in the same millisecond.
          name: `${name}.${clock.now().toString(16)}${randomBytes(3).toString('hex')}`,
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
        message: text,
        count: 1,
        firstTimestamp: now,
        lastTimestamp: now,
        source: { component, ...(options.host === undefined ? {} : { host: options.host }) },
        reportingComponent: component,
        reportingInstance: options.host ?? '',
      };
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

function forgetOldest(remembered: Map<string, unknown>): void {
  if (remembered.size <= rememberedEvents) return;
  const [oldest] = remembered.keys();
  if (oldest !== undefined) remembered.delete(oldest);
}
