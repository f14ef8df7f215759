import { formatProblem, type Clock, type Logger, type Timer } from '@lateen/core';
import {
  endpointNameOf,
  routeNamesOf,
  secretNamesOf,
  type ApplyResult,
  type Cluster,
  type ClusterLoadAssignment,
  type DataPlane,
  type DataPlaneChange,
  type Listener,
  type ResourceChange,
  type RouteConfiguration,
  type Secret,
} from '../model/index.ts';

/** A resource that may have to wait for others, and how long it does; 0: for ever. */
export interface Decoded<T> {
  readonly model: T;
  readonly warmingTimeoutMs: number;
}

/** Decoded resources of one response, or of the static bootstrap. */
export interface ConfigChange {
  /** True for what the bootstrap holds: it waits for no subscription and counts as none. */
  readonly isStatic?: boolean;
  readonly clusters?: ResourceChange<Decoded<Cluster>>;
  readonly listeners?: ResourceChange<Decoded<Listener>>;
  readonly endpoints?: ResourceChange<ClusterLoadAssignment>;
  readonly routes?: ResourceChange<RouteConfiguration>;
  readonly secrets?: ResourceChange<Secret>;
}

/** Kinds that are asked for by name, as something refers to them. */
export type ReferredKind = 'endpoints' | 'routes' | 'secrets';

export interface WarmingOptions {
  readonly dataPlane: Pick<DataPlane, 'update'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told the names that are referred to, whenever they change. */
  readonly want: (kind: ReferredKind, names: ReadonlySet<string>) => void;
  /** True where clusters are subscribed to: listeners wait for the first of them. */
  readonly clustersExpected: boolean;
  /** True where listeners are subscribed to: the proxy is not ready before the first of them. */
  readonly listenersExpected: boolean;
  /** Called once, when everything that came first is in force. */
  readonly onReady?: () => void;
}

interface Waiting<T> extends Decoded<T> {
  readonly isStatic: boolean;
  readonly sinceMs: number;
  readonly timer: Timer | undefined;
  expired: boolean;
}

/**
 * Stands between subscriptions and the data plane: a resource comes into force when what it refers to is
 * there, and what it replaces serves until then.
 *
 * A cluster waits for its endpoints and secrets, a listener for its routes and secrets; at the start,
 * listeners also wait for all the clusters that came first, so that no request meets a cluster that is not
 * known yet (Envoy's "warming", https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/init).
 */
export class Warming {
  readonly #options: WarmingOptions;
  readonly #clusters = new Map<string, Cluster>();
  readonly #listeners = new Map<string, Listener>();
  readonly #waitingClusters = new Map<string, Waiting<Cluster>>();
  readonly #waitingListeners = new Map<string, Waiting<Listener>>();
  /** Names that were answered for: the resource came, or does not exist. */
  readonly #answered: Record<ReferredKind, Set<string>> = {
    endpoints: new Set(),
    routes: new Set(),
    secrets: new Set(),
  };
  readonly #wanted: Record<ReferredKind, ReadonlySet<string>> = {
    endpoints: new Set(),
    routes: new Set(),
    secrets: new Set(),
  };
  #clustersCame: boolean;
  #listenersCame: boolean;
  /** True from when the clusters that came first were warm. */
  #clustersWarm = false;
  #ready = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: WarmingOptions) {
    this.#options = options;
    this.#clustersCame = !options.clustersExpected;
    this.#listenersCame = !options.listenersExpected;
  }

  /** True once everything that came first is in force. */
  get ready(): boolean {
    return this.#ready;
  }

  /** What readiness still waits for, in words; empty when ready. */
  get missing(): readonly string[] {
    if (this.#ready) return [];
    return [
      ...(this.#clustersCame ? [] : ['clusters have not been received']),
      ...(this.#listenersCame ? [] : ['listeners have not been received']),
      ...[...this.#waitingClusters.keys()].map((name) => `cluster ${name} is warming`),
      ...[...this.#waitingListeners.keys()].map((name) => `listener ${name} is warming`),
    ];
  }

  /** Names that came and are not in force yet. */
  get warming(): { readonly clusters: readonly string[]; readonly listeners: readonly string[] } {
    return {
      clusters: [...this.#waitingClusters.keys()],
      listeners: [...this.#waitingListeners.keys()],
    };
  }

  /** Takes a change after all those before it; resolves with what was refused when the rest is in force or warming. */
  apply(change: ConfigChange): Promise<ApplyResult['refused']> {
    const done = this.#last.then(() => this.#apply(change));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Stops all timers. */
  close(): void {
    for (const waiting of [...this.#waitingClusters.values(), ...this.#waitingListeners.values()]) {
      waiting.timer?.cancel();
    }
  }

  async #apply(change: ConfigChange): Promise<ApplyResult['refused']> {
    const { log, dataPlane } = this.#options;
    this.#note('endpoints', change.endpoints);
    this.#note('routes', change.routes);
    this.#note('secrets', change.secrets);
    const removedClusters = this.#take('cluster', this.#clusters, this.#waitingClusters, change.clusters);
    const removedListeners = this.#take(
      'listener',
      this.#listeners,
      this.#waitingListeners,
      change.listeners,
    );
    if (change.clusters !== undefined) this.#clustersCame = true;
    if (change.listeners !== undefined) this.#listenersCame = true;

    const clusters = [...this.#waitingClusters.values()].filter(
      (w) => w.expired || this.#isClusterWarm(w.model),
    );
    if (this.#clustersCame && clusters.length === this.#waitingClusters.size) this.#clustersWarm = true;
    const listeners = [...this.#waitingListeners.values()].filter(
      (w) => w.expired || ((w.isStatic || this.#clustersWarm) && this.#isListenerWarm(w.model)),
    );
    const unwanted = this.#updateWanted();

    const toApply: DataPlaneChange = {
      ...changeOf('clusters', models(clusters), removedClusters),
      ...changeOf('endpoints', change.endpoints?.set, change.endpoints?.remove, unwanted.endpoints),
      ...changeOf('secrets', change.secrets?.set, change.secrets?.remove, unwanted.secrets),
      ...changeOf('routes', change.routes?.set, change.routes?.remove, unwanted.routes),
      ...changeOf('listeners', models(listeners), removedListeners),
    };
    const refused = Object.keys(toApply).length === 0 ? [] : (await dataPlane.update(toApply)).refused;
    const refusedNames = new Set(refused.map((r) => `${r.kind}/${r.name}`));
    for (const r of refused) {
      log.warn(`${r.kind} ${r.name} refused`, { reason: r.problems.map(formatProblem).join('; ') });
    }
    for (const waiting of clusters) {
      this.#settle('cluster', waiting, this.#waitingClusters, this.#clusters, refusedNames);
    }
    for (const waiting of listeners) {
      this.#settle('listener', waiting, this.#waitingListeners, this.#listeners, refusedNames);
    }
    this.#checkReady();
    return refused;
  }

  #note(kind: ReferredKind, change: ResourceChange<{ readonly name: string }> | undefined): void {
    for (const resource of change?.set ?? []) this.#answered[kind].add(resource.name);
    for (const name of change?.remove ?? []) this.#answered[kind].add(name);
  }

  /** Puts new resources among the waiting; returns the names of those in force that are gone. */
  #take<T extends { readonly name: string }>(
    noun: string,
    inForce: Map<string, T>,
    waiting: Map<string, Waiting<T>>,
    change: ResourceChange<Decoded<T>> | undefined,
    isStatic: boolean,
  ): string[] {
    const { clock, log } = this.#options;
    for (const decoded of change?.set ?? []) {
      const { name } = decoded.model;
      waiting.get(name)?.timer?.cancel();
      const entry: Waiting<T> = {
        ...decoded,
        isStatic,
        sinceMs: clock.now(),
        expired: false,
        timer:
          decoded.warmingTimeoutMs === 0
            ? undefined
            : clock.after(decoded.warmingTimeoutMs, () => {
                entry.expired = true;
                log.warn(`warming ${noun} ${name} timed out`, { afterMs: decoded.warmingTimeoutMs });
                void this.apply({});
              }),
      };
      waiting.set(name, entry);
      log.info(`add/update ${noun} ${name} starting warming`);
    }
    const gone: string[] = [];
    for (const name of change?.remove ?? []) {
      waiting.get(name)?.timer?.cancel();
      waiting.delete(name);
      if (!inForce.delete(name)) continue;
      gone.push(name);
      log.info(`remove ${noun} ${name}`);
    }
    return gone;
  }

  #settle<T extends { readonly name: string }>(
    noun: 'cluster' | 'listener',
    entry: Waiting<T>,
    waiting: Map<string, Waiting<T>>,
    inForce: Map<string, T>,
    refused: ReadonlySet<string>,
  ): void {
    const { name } = entry.model;
    entry.timer?.cancel();
    waiting.delete(name);
    if (refused.has(`${noun}s/${name}`)) return;
    inForce.set(name, entry.model);
    this.#options.log.info(`warming ${noun} ${name} complete`);
  }

  #isClusterWarm(cluster: Cluster): boolean {
    const endpoints = endpointNameOf(cluster);
    return (
      (endpoints === undefined || this.#answered.endpoints.has(endpoints)) &&
      isSubset(secretNamesOf(cluster), this.#answered.secrets)
    );
  }

  #isListenerWarm(listener: Listener): boolean {
    return (
      isSubset(routeNamesOf(listener), this.#answered.routes) &&
      isSubset(secretNamesOf(listener), this.#answered.secrets)
    );
  }

  /** Works out what is referred to; returns the names that were and are not any more. */
  #updateWanted(): Readonly<Record<ReferredKind, readonly string[]>> {
    const wanted: Record<ReferredKind, Set<string>> = {
      endpoints: new Set(),
      routes: new Set(),
      secrets: new Set(),
    };
    for (const cluster of bothOf(this.#clusters, this.#waitingClusters)) {
      const endpoints = endpointNameOf(cluster);
      if (endpoints !== undefined) wanted.endpoints.add(endpoints);
      for (const name of secretNamesOf(cluster)) wanted.secrets.add(name);
    }
    for (const listener of bothOf(this.#listeners, this.#waitingListeners)) {
      for (const name of routeNamesOf(listener)) wanted.routes.add(name);
      for (const name of secretNamesOf(listener)) wanted.secrets.add(name);
    }
    const unwanted: Record<ReferredKind, string[]> = { endpoints: [], routes: [], secrets: [] };
    for (const kind of ['endpoints', 'routes', 'secrets'] as const) {
      const before = this.#wanted[kind];
      this.#wanted[kind] = wanted[kind];
      if (before.size === wanted[kind].size && isSubset(before, wanted[kind])) continue;
      for (const name of before) {
        if (wanted[kind].has(name)) continue;
        this.#answered[kind].delete(name);
        unwanted[kind].push(name);
      }
      this.#options.want(kind, wanted[kind]);
    }
    return unwanted;
  }

  #checkReady(): void {
    if (this.#ready || !this.#clustersCame || !this.#listenersCame) return;
    if (this.#waitingClusters.size > 0 || this.#waitingListeners.size > 0) return;
    this.#ready = true;
    this.#options.onReady?.();
  }
}

function* bothOf<T>(inForce: Map<string, T>, waiting: Map<string, Waiting<T>>): Generator<T> {
  yield* inForce.values();
  for (const entry of waiting.values()) yield entry.model;
}

function isSubset(names: ReadonlySet<string>, of: ReadonlySet<string>): boolean {
  for (const name of names) if (!of.has(name)) return false;
  return true;
}

function models<T>(waiting: readonly Waiting<T>[]): readonly T[] {
  return waiting.map((entry) => entry.model);
}

/** The part of a change that concerns one kind; nothing where nothing changes. */
function changeOf<K extends string, T>(
  kind: K,
  set: readonly T[] = [],
  ...removed: readonly (readonly string[] | undefined)[]
): { readonly [key in K]?: ResourceChange<T> } {
  const remove = removed.flatMap((names) => names ?? []);
  if (set.length === 0 && remove.length === 0) return {};
  const change: { [key in K]?: ResourceChange<T> } = {};
  change[kind] = { set, remove };
  return change;
}
