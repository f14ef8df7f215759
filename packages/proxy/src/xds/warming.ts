import { formatProblem, type Clock, type Logger } from '@lateen/core';
import {
  discoveredFiltersOf,
  endpointNameOf,
  routeOwnersOf,
  type ApplyResult,
  type Cluster,
  type DataPlaneChange,
  type ExtensionConfig,
  type Listener,
  type ReferredKind,
  type ResourceChange,
} from '../model/index.ts';
import type { DataPlane } from '../data-plane.ts';
import { awaitsHosts } from '../decide/awaited-hosts.ts';
import { awaitsKeys } from '../decide/awaited-keys.ts';
import { clusterTlsProblems, listenerTlsProblems } from '../tls/resource-problems.ts';
import type { ConfigChange } from './config-change.ts';
import { FirstResources, type WholeKind } from './first-resources.ts';
import type { ResourceCounts } from './manager-stats.ts';
import {
  References,
  type LastingKind,
  type ReferencesOptions,
  type Wait,
  type WantedNames,
} from './references.ts';
import { usablePart } from './usable-part.ts';
import { WaitingSet, type Decoded, type Waiting } from './waiting-set.ts';

export interface WarmingOptions extends ReferencesOptions {
  readonly dataPlane: Pick<DataPlane, 'openssl' | 'update' | 'prepareCluster' | 'prepareListener'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** True where clusters are subscribed to: listeners wait for the first of them. */
  readonly clustersExpected: boolean;
  /** True where listeners are subscribed to: the proxy is not ready before the first of them. */
  readonly listenersExpected: boolean;
  /** How long the first clusters, and after them the first listeners, are waited for; 0 (default): for ever. */
  readonly firstTimeoutMs?: Readonly<Record<WholeKind, number>>;
  /** Called when that is over. */
  readonly onFirstTimeout?: (kind: WholeKind) => void;
  /** Called when all there are of a kind are to be asked for: clusters by {@link Warming.begin}, listeners when those are warm. */
  readonly onTurn?: (kind: WholeKind) => void;
  /** Called once, when everything that came first is in force. */
  readonly onReady?: () => void;
  /** Called when a version of a cluster or listener has come into force. */
  readonly onInForce?: (kind: 'clusters' | 'listeners', name: string) => void;
  /** Called with what is refused when it was to come into force. */
  readonly onRefused?: (refused: ApplyResult['refused']) => void;
  /** Called with the names that something has waited for as long as it may. */
  readonly onFetchTimeout?: (kind: ReferredKind, name: string) => void;
}

/**
 * Stands between subscriptions and the data plane: a resource comes into force when what it refers to is
 * there, and what it replaces serves until then.
 *
 * A cluster waits for its endpoints and secrets, then for the addresses of its names and the first check of
 * each host; a listener waits for its routes and secrets, then for the keys of issuers that it has fetched. At the start, listeners also wait for all the
 * clusters that came first, so that no request meets a cluster that is not known yet (Envoy's "warming", https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/init).
 */
export class Warming {
  readonly #options: WarmingOptions;
  readonly #clusters: WaitingSet<Cluster>;
  readonly #listeners: WaitingSet<Listener>;
  readonly #references: References;
  #keptBefore = false;
  readonly #first: FirstResources;
  /** True from when the clusters that came first were warm. */
  #clustersWarm = false;
  /** The same for those of the bootstrap. */
  #staticsWarm = false;
  #ready = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: WarmingOptions) {
    const { clock, log } = options;
    const onExpired = (model: Cluster | Listener): void => {
      for (const [kind, name] of this.#references.waitsOf(model)) options.onFetchTimeout?.(kind, name);
      void this.apply({});
    };
    this.#options = options;
    this.#references = new References(options);
    this.#clusters = new WaitingSet<Cluster>({
      noun: 'cluster',
      clock,
      log,
      onExpired,
      onInForce: (name) => options.onInForce?.('clusters', name),
    });
    this.#listeners = new WaitingSet<Listener>({
      noun: 'listener',
      clock,
      log,
      onExpired,
      onInForce: (name) => options.onInForce?.('listeners', name),
    });
    this.#first = new FirstResources({
      clock,
      log,
      expected: { clusters: options.clustersExpected, listeners: options.listenersExpected },
      timeoutMs: options.firstTimeoutMs ?? { clusters: 0, listeners: 0 },
      onTurn: (kind) => options.onTurn?.(kind),
      onTimeout: (kind) => {
        options.onFirstTimeout?.(kind);
        void this.apply({});
      },
    });
  }

  /** What clusters and listeners may depend on is there: the first clusters may be asked for. */
  begin(): void {
    this.#first.begin();
    void this.apply({});
  }

  /** True when the clusters that came first are warm, and listeners have been asked for. */
  get clustersDone(): boolean {
    return this.#first.clustersDone && this.#clusters.size === 0;
  }

  /** True once everything that came first is in force. */
  get ready(): boolean {
    return this.#ready;
  }

  /** What readiness still waits for, in words; empty when ready. */
  get missing(): readonly string[] {
    if (this.#ready) return [];
    return [
      ...(this.#first.came('clusters') ? [] : ['clusters have not been received']),
      ...(this.#first.came('listeners') ? [] : ['listeners have not been received']),
      ...this.#clusters.names.map((name) => `cluster ${name} is warming`),
      ...this.#listeners.names.map((name) => `listener ${name} is warming`),
      ...this.#missingSecrets().map((name) => `secret ${name} has not been received`),
    ];
  }

  /** Names that came and are not in force yet. */
  get warming(): { readonly clusters: readonly string[]; readonly listeners: readonly string[] } {
    return { clusters: this.#clusters.names, listeners: this.#listeners.names };
  }

  get counts(): { readonly clusters: ResourceCounts; readonly listeners: ResourceCounts } {
    return { clusters: this.#clusters.counts, listeners: this.#listeners.counts };
  }

  /** What each cluster or listener that is warming waits for. */
  waits(): readonly {
    readonly kind: 'cluster' | 'listener';
    readonly name: string;
    readonly for: readonly Wait[];
  }[] {
    return [
      ...this.#clusters.pending().map((model) => ({
        kind: 'cluster' as const,
        name: model.name,
        for: this.#references.waitsOf(model),
      })),
      ...this.#listeners.pending().map((model) => ({
        kind: 'listener' as const,
        name: model.name,
        for: this.#references.waitsOf(model),
      })),
    ];
  }

  /** The statistics' prefix of the connection manager that each route table belongs to. */
  routeOwners(): ReadonlyMap<string, string> {
    return new Map([...this.#listeners.all()].flatMap((entry) => [...routeOwnersOf(entry.model)]));
  }

  /** The clusters that endpoints of a name are for. */
  endpointOwners(): ReadonlyMap<string, readonly string[]> {
    const owners = new Map<string, string[]>();
    for (const { model } of this.#clusters.all()) {
      const name = endpointNameOf(model);
      if (name === undefined) continue;
      const known = owners.get(name);
      if (known === undefined) owners.set(name, [model.name]);
      else if (!known.includes(model.name)) known.push(model.name);
    }
    return owners;
  }

  /** Whether the filter of a name whose configuration comes by itself is one of HTTP or of connections. */
  layerOf(name: string): ExtensionConfig['layer'] {
    for (const { model } of this.#listeners.all()) {
      const found = discoveredFiltersOf(model).find((one) => one.name === name);
      if (found !== undefined) return found.layer;
    }
    return 'http';
  }

  /** Names that were referred to and have not been answered for. */
  unanswered(kind: ReferredKind): readonly string[] {
    return this.#references.unanswered(kind);
  }

  /** The names that are referred to. */
  wanted(kind: ReferredKind): WantedNames {
    return this.#references.wanted(kind);
  }

  /** Takes a change after all those before it; resolves with what was refused when the rest is in force or warming. */
  apply(change: ConfigChange): Promise<ApplyResult['refused']> {
    const done = this.#last.then(() => this.#apply(change));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Stops all timers. */
  close(): void {
    this.#first.close();
    this.#clusters.close();
    this.#listeners.close();
  }

  async #apply(change: ConfigChange): Promise<ApplyResult['refused']> {
    const wrong = this.#unfitting(change.extensions?.set ?? []);
    const extensions = (change.extensions?.set ?? []).filter(
      ({ name }) => !wrong.some((one) => one.name === name),
    );
    const isStatic = change.isStatic ?? false;
    const isKept = change.isKept ?? false;
    this.#keptBefore ||= isKept;
    this.#references.noteAnswers(change);
    const { openssl } = this.#options.dataPlane;
    const usableClusters = usablePart('clusters', change.clusters, (model) =>
      clusterTlsProblems(openssl, model),
    );
    const usableListeners = usablePart('listeners', change.listeners, (model) =>
      listenerTlsProblems(openssl, model),
    );
    const unusable = [...usableClusters.refused, ...usableListeners.refused];
    this.#warnOf(unusable);
    const goneClusters = this.#clusters.take(usableClusters.change, isStatic, isKept);
    const goneListeners = this.#listeners.take(usableListeners.change, isStatic, isKept);
    if (change.clusters !== undefined && !isStatic) this.#first.take('clusters', isKept);
    if (change.listeners !== undefined && !isStatic) this.#first.take('listeners', isKept);

    const refused = await this.#advance(
      { ...change, extensions: { ...change.extensions, set: extensions } },
      [goneClusters, goneListeners],
    );
    // What needs no time for it comes into force with this change.
    while (this.#prepare()) refused.push(...(await this.#advance({}, [[], []])));
    if (this.#clusters.size === 0) this.#first.clustersAreWarm();
    this.#checkReady();
    return [...wrong, ...unusable, ...refused];
  }

  /** Puts in force what need not wait any longer, and what others refer to. */
  async #advance(
    change: Omit<ConfigChange, 'clusters' | 'listeners'>,
    [goneClusters, goneListeners]: readonly [readonly string[], readonly string[]],
  ): Promise<ApplyResult['refused'][number][]> {
    const clusters = this.#clusters.warm(
      (entry) => this.#hasReferences(entry) && (entry.preparation === 'done' || !awaitsHosts(entry.model)),
    );
    const left = this.#clusters.size - clusters.length;
    this.#staticsWarm ||= left === 0 || !this.#clusters.hasStaticsBesides(clusters);
    if (this.#first.came('clusters') && left === 0) this.#clustersWarm = true;
    const listeners = this.#listeners.warm(
      (entry) => this.#hasWhatItNames(entry) && (entry.preparation === 'done' || !awaitsKeys(entry.model)),
    );
    const unwanted = this.#updateReferences();

    const refused = await this.#put({
      ...changeOf('clusters', modelsOf(clusters), goneClusters),
      ...changeOf(
        'endpoints',
        change.endpoints?.set,
        this.#unreferred(change, 'endpoints'),
        unwanted.endpoints,
      ),
      ...changeOf('secrets', change.secrets?.set, this.#unreferred(change, 'secrets'), unwanted.secrets),
      ...changeOf('routes', change.routes?.set, this.#unreferred(change, 'routes'), unwanted.routes),
      ...changeOf('extensions', change.extensions?.set, change.extensions?.remove, unwanted.extensions),
      ...changeOf('listeners', modelsOf(listeners), goneListeners),
    });
    const names = new Set(refused.map((r) => `${r.kind}/${r.name}`));
    this.#clusters.settle(clusters, (name) => names.has(`clusters/${name}`));
    this.#listeners.settle(listeners, (name) => names.has(`listeners/${name}`));
    if (refused.length > 0) this.#options.onRefused?.(refused);
    if (clusters.length > 0 || listeners.length > 0) await this.#dropUnwanted();
    return [...refused];
  }

  /** What is to be removed and nothing refers to: of the rest the last good version stays, as with Envoy. */
  #unreferred(change: Pick<ConfigChange, LastingKind>, kind: LastingKind): readonly string[] | undefined {
    const wanted = this.#references.wanted(kind);
    return change[kind]?.remove?.filter((name) => !wanted.has(name));
  }

  /** Begins to prepare clusters and listeners that have all they refer to; true where some are prepared at once. */
  #prepare(): boolean {
    const { dataPlane } = this.#options;
    const clusters = this.#prepareIn(
      this.#clusters,
      (entry) => this.#hasReferences(entry),
      (model) => dataPlane.prepareCluster(model),
    );
    const listeners = this.#prepareIn(
      this.#listeners,
      (entry) => this.#hasWhatItNames(entry),
      (model) => dataPlane.prepareListener(model),
    );
    return clusters || listeners;
  }

  #prepareIn<T extends Cluster | Listener>(
    set: WaitingSet<T>,
    mayBegin: (entry: Waiting<T>) => boolean,
    prepare: (model: T) => Promise<void> | undefined,
  ): boolean {
    let done = false;
    for (const entry of set.warm((one) => one.preparation === undefined && mayBegin(one))) {
      entry.timer?.cancel();
      const begun = prepare(entry.model);
      entry.preparation = begun === undefined ? 'done' : 'begun';
      done ||= begun === undefined;
      void begun?.then(() => {
        entry.preparation = 'done';
        // Another version may have come in the meantime.
        if (set.isWaiting(entry)) void this.apply({});
      });
    }
    return done;
  }

  /** Configurations of filters that are of another type than a filter of the name may be. */
  #unfitting(list: readonly ExtensionConfig[]): ApplyResult['refused'] {
    if (list.length === 0) return [];
    const filters = [...this.#listeners.all()].flatMap((entry) => discoveredFiltersOf(entry.model));
    return list.flatMap(({ name, typeName }) => {
      const other = filters.find((one) => one.name === name && !one.typeNames.includes(typeName));
      if (other === undefined) return [];
      const message = `is a ${typeName}, not one of ${other.typeNames.join(', ')}`;
      return [{ kind: 'extensions' as const, name, problems: [{ path: 'typed_config', message }] }];
    });
  }

  /** What only the replaced versions referred to is not needed any more. */
  async #dropUnwanted(): Promise<void> {
    const unwanted = this.#updateReferences();
    await this.#put({
      ...changeOf('endpoints', [], unwanted.endpoints),
      ...changeOf('secrets', [], unwanted.secrets),
      ...changeOf('routes', [], unwanted.routes),
      ...changeOf('extensions', [], unwanted.extensions),
    });
  }

  async #put(change: DataPlaneChange): Promise<ApplyResult['refused']> {
    if (Object.keys(change).length === 0) return [];
    const { refused } = await this.#options.dataPlane.update(change);
    this.#warnOf(refused);
    return refused;
  }

  #warnOf(refused: ApplyResult['refused']): void {
    for (const { kind, name, problems } of refused) {
      this.#options.log.warn(`${kind} ${name} refused`, { reason: problems.map(formatProblem).join('; ') });
    }
  }

  #hasWhatItNames({ model, expired, isStatic }: Waiting<Listener>): boolean {
    return (
      expired || ((isStatic ? this.#staticsWarm : this.#clustersWarm) && this.#references.isAnswered(model))
    );
  }

  #hasReferences({ model, expired }: Waiting<Cluster>): boolean {
    return expired || this.#references.isAnswered(model);
  }

  #updateReferences(): Readonly<Record<ReferredKind, readonly string[]>> {
    return this.#references.update(this.#clusters.all(), this.#listeners.all());
  }

  /** Secrets that what was kept, and so did not wait, needs. */
  #missingSecrets(): readonly string[] {
    if (!this.#keptBefore) return [];
    return this.#references.unanswered('secrets');
  }

  #checkReady(): void {
    if (this.#ready || !this.#first.came('clusters') || !this.#first.came('listeners')) return;
    if (this.#clusters.size > 0 || this.#listeners.size > 0) return;
    if (this.#missingSecrets().length > 0) return;
    this.#ready = true;
    this.#options.onReady?.();
  }
}

function modelsOf<T>(entries: readonly Decoded<T>[]): readonly T[] {
  return entries.map((entry) => entry.model);
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
