import type { Clock, Logger } from '@lateen/core';
import type { EventRecorder, KubeClient, KubeObject } from '@lateen/kube';
import type { SharedInformers } from '../shared-informers.ts';

/** What every controller is given. */
export interface ControllerContext {
  readonly client: KubeClient;
  readonly informers: SharedInformers;
  /** Resolves when the informers have their first list: before that, nothing may be said to be missing. */
  readonly ready: Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A recorder that reports in the name of a component, as in `replicaset-controller`. */
  events(component: string): EventRecorder;
}

/** A loop that brings what is in line with what is asked for, until it is closed. */
export interface Controller {
  close(): Promise<void>;
}

/** `namespace/name`, the key of an object in a work queue. */
export function queueKey(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

/** The two parts of a {@link queueKey}. */
export function splitQueueKey(key: string): [namespace: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}

/** A time as the API writes it: RFC 3339 in whole seconds. */
export function apiTime(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
}
