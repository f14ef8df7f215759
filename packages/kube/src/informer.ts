import { Backoff, messageOf, type Clock, type Logger } from '@lateen/core';
import type { KubeClient, Selection, WatchEvent } from './client.ts';
import type { KubeObject, Resource } from './object.ts';
import { ObjectStore, type IndexFunction } from './object-store.ts';
import { KubeStatusError, isStatus } from './status-error.ts';

/** A true difference between two states of the API server, as far as the informer has seen them. */
export type Change<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'changed'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T };

export interface InformerOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: Resource;
  /** Default everything of the resource. */
  readonly selection?: Selection;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Keys to find objects by, for {@link Informer.byIndex}. */
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  /** Subscribed before the first list. */
  readonly onChange?: (change: Change<T>) => void;
}

/**
 * A local copy of a resource that follows the API server. Its objects are shared: read, never change them.
 *
 * Survives everything that can happen to a watch: it goes on from the last revision that it saw,
 * lists again where that is too old, and reports only true differences. A resource that the server
 * does not know counts as empty and is asked for again.
 */
export interface Informer<T extends KubeObject> {
  readonly resource: Resource;
  /** Resolves when the first list has been delivered to the subscribers, or on close. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  get(namespace: string | undefined, name: string): T | undefined;
  list(namespace?: string): T[];
  byIndex(index: string, key: string): T[];
  /**
   * Calls `onChange` with each change, in order, and at once with what is already there (as added).
   * Returns how to end it. An exception in `onChange` is logged and harms nobody else.
   */
  subscribe(onChange: (change: Change<T>) => void): () => void;
  /** Cuts a wait after an error short. */
  retryNow(): void;
  /** Ends the watch; resolves when it is over. */
  close(): Promise<void>;
}

/** A watch that ends sooner than this without an event counts as a failure. */
const briefWatchMs = 1000;

/** Starts to follow a resource. */
export function informer<T extends KubeObject>(options: InformerOptions<T>): Informer<T> {
  const { client, resource, clock } = options;
  const selection = options.selection ?? {};
  const logger = options.logger.scope(resource.plural);
  const store = new ObjectStore<T>(options.indexes);
  // Replaced, not changed: whoever subscribes within a change is told of it by the replay alone.
  let subscribers: readonly ((change: Change<T>) => void)[] =
    options.onChange === undefined ? [] : [options.onChange];
  const stop = new AbortController();
  const backoff = new Backoff({ baseMs: 20, maxMs: 15_000 });
  const absentBackoff = new Backoff({ baseMs: 100, maxMs: 5_000 });
  const synced = Promise.withResolvers<void>();
  let hasSynced = false;
  let endWait: () => void = () => {};

  const tell = (onChange: (change: Change<T>) => void, change: Change<T>): void => {
    try {
      onChange(change);
    } catch (error) {
      logger.error('a subscriber failed', {
        object: `${change.object.metadata.namespace ?? ''}/${change.object.metadata.name}`,
        error: error instanceof Error ? error.stack : String(error),
      });
    }
  };

  const emit = (change: Change<T>): void => {
    for (const onChange of subscribers) tell(onChange, change);
  };

  const put = (object: T): void => {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const before = store.get(namespace, name);
    if (
      before !== undefined &&
      before.metadata.uid === uid &&
      before.metadata.resourceVersion === resourceVersion
    ) {
      return;
    }
    if (before !== undefined && before.metadata.uid !== uid) {
      // Deleted and made again while nobody looked: two objects, not one that changed.
      store.remove(namespace, name);
      emit({ type: 'deleted', object: before });
      store.set(object);
      emit({ type: 'added', object });
      return;
    }
    store.set(object);
    emit(before === undefined ? { type: 'added', object } : { type: 'changed', object, previous: before });
  };

  const drop = (object: T): void => {
    const { namespace, name } = object.metadata;
    // The last state, as the server sent it, is what subscribers should see; it may be newer than ours.
    if (store.remove(namespace, name) !== undefined) emit({ type: 'deleted', object });
  };

  const replace = (items: readonly T[]): void => {
    const kept = new Set(items.map((item) => `${item.metadata.namespace ?? ''}/${item.metadata.name}`));
    for (const object of store.list()) {
      if (!kept.has(`${object.metadata.namespace ?? ''}/${object.metadata.name}`)) drop(object);
    }
    for (const item of items) put(item);
    if (!hasSynced) {
      hasSynced = true;
      synced.resolve();
    }
  };

  const wait = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.after(delayMs, resolve);
      endWait = () => {
        timer.cancel();
        resolve();
      };
      if (stop.signal.aborted) endWait();
    });

  /** Lists, then watches until the watch ends; returns the revision to go on from, undefined to list again. */
  const listAndWatch = async (from: string | undefined): Promise<string | undefined> => {
    let revision = from;
    if (revision === undefined) {
      const list = await client.list<T>(resource, selection);
      if (stop.signal.aborted) return undefined;
      replace(list.items);
      revision = list.resourceVersion;
      absentBackoff.reset();
    }
    const startedMs = clock.monotonicMs();
    let lively = false;
    const onEvent = (event: WatchEvent<T>): void => {
      if (stop.signal.aborted) return;
      lively = true;
      if (event.type === 'DELETED') drop(event.object);
      else if (event.type !== 'BOOKMARK') put(event.object);
      revision = event.object.metadata.resourceVersion ?? revision;
    };
    try {
      await client.watch<T>(resource, { ...selection, resourceVersion: revision }, onEvent, stop.signal);
    } catch (error) {
      if (error instanceof KubeStatusError && error.httpCode === 410) {
        logger.debug('the watch expired, listing again', { revision });
        revision = undefined;
        if (!lively) await wait(backoff.nextMs());
        return revision;
      }
      if (stop.signal.aborted) return undefined;
      logger.info('the watch broke', { error: messageOf(error) });
      if (lively) backoff.reset();
      await wait(backoff.nextMs());
      return revision;
    }
    if (lively || clock.monotonicMs() - startedMs > briefWatchMs) backoff.reset();
    else await wait(backoff.nextMs());
    return revision;
  };

  const run = async (): Promise<void> => {
    let revision: string | undefined;
    while (!stop.signal.aborted) {
      try {
        revision = await listAndWatch(revision);
      } catch (error) {
        if (stop.signal.aborted) break;
        revision = undefined;
        if (isStatus(error, 'NotFound')) {
          replace([]);
          await wait(absentBackoff.nextMs());
          continue;
        }
        logger.warn('cannot list', { error: messageOf(error) });
        await wait(backoff.nextMs());
      }
    }
    synced.resolve();
  };
  const ended = run();

  return {
    resource,
    synced: synced.promise,
    get hasSynced() {
      return hasSynced;
    },
    get: (namespace, name) => store.get(namespace, name),
    list: (namespace) => store.list(namespace),
    byIndex: (index, key) => store.byIndex(index, key),
    subscribe(onChange) {
      for (const object of store.list()) tell(onChange, { type: 'added', object });
      subscribers = [...subscribers, onChange];
      return () => {
        subscribers = subscribers.filter((other) => other !== onChange);
      };
    },
    retryNow: () => endWait(),
    async close() {
      stop.abort();
      endWait();
      await ended;
    },
  };
}
