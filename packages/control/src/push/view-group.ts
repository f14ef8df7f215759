import type { Engine, Observation } from '../engine/engine.ts';
import {
  clusterResources,
  endpointsResource,
  listenerResources,
  routeResource,
  type ProxyView,
} from '../translate/proxy-view.ts';
import type { EncodedResource } from '../translate/resource.ts';

/** The kinds of resources that are translated, in the order in which they are sent: make before break. */
export const pushedKinds = ['cluster', 'endpoint', 'listener', 'route'] as const;
export type PushedKind = (typeof pushedKinds)[number];

/** Kinds of which a proxy gets all, without asking by name. */
type ListedKind = 'cluster' | 'listener';
type NamedKind = Exclude<PushedKind, ListedKind>;

/** Is told which resources of its view have become others. */
export interface ViewMember {
  onChanged(kind: PushedKind, names: readonly string[]): void;
}

interface Listed {
  readonly observation: Observation<readonly EncodedResource[]>;
  byName: ReadonlyMap<string, EncodedResource>;
}

interface Named {
  readonly observation: Observation<EncodedResource | undefined>;
  interested: number;
}

export interface ViewGroupOptions {
  readonly engine: Engine;
  readonly view: ProxyView;
  /** Told of a translation that failed, which is a bug; what was sent before stays in force. */
  readonly onFailure: (what: string, error: unknown) => void;
}

/**
 * The resources of all connected proxies that have the same view.
 *
 * Watches each resource once for all of them, and tells them by name what changed.
 */
export class ViewGroup {
  readonly view: ProxyView;
  readonly #options: ViewGroupOptions;
  readonly #members = new Set<ViewMember>();
  readonly #listed: Readonly<Record<ListedKind, Listed>>;
  readonly #named: Readonly<Record<NamedKind, Map<string, Named>>> = {
    endpoint: new Map(),
    route: new Map(),
  };

  constructor(options: ViewGroupOptions) {
    this.#options = options;
    this.view = options.view;
    const { engine, view } = options;
    const listed = (kind: ListedKind): Listed => {
      const query = kind === 'cluster' ? clusterResources : listenerResources;
      const observation = engine.observe(query, view, () => this.#onListChanged(kind));
      return { observation, byName: this.#read(kind, () => byName(observation.value()), new Map()) };
    };
    this.#listed = { cluster: listed('cluster'), listener: listed('listener') };
  }

  get size(): number {
    return this.#members.size;
  }

  join(member: ViewMember): void {
    this.#members.add(member);
  }

  leave(member: ViewMember): void {
    this.#members.delete(member);
  }

  /** All resources of a listed kind. */
  all(kind: ListedKind): ReadonlyMap<string, EncodedResource> {
    return this.#listed[kind].byName;
  }

  /** A resource by name; undefined where the view has none of this name. */
  get(kind: PushedKind, name: string): EncodedResource | undefined {
    if (kind === 'cluster' || kind === 'listener') return this.#listed[kind].byName.get(name);
    const named = this.#named[kind].get(name);
    return named === undefined ? undefined : this.#read(kind, () => named.observation.value(), undefined);
  }

  /** Watches a named resource for one more member. */
  retain(kind: NamedKind, name: string): void {
    const known = this.#named[kind].get(name);
    if (known !== undefined) {
      known.interested++;
      return;
    }
    const key = { of: this.view, name };
    const onChange = (): void => this.#tell(kind, [name]);
    const query = kind === 'endpoint' ? endpointsResource : routeResource;
    const observation = this.#options.engine.observe(query, key, onChange);
    this.#named[kind].set(name, { observation, interested: 1 });
  }

  /** The opposite of {@link retain}. */
  release(kind: NamedKind, name: string): void {
    const known = this.#named[kind].get(name);
    if (known === undefined || --known.interested > 0) return;
    known.observation.release();
    this.#named[kind].delete(name);
  }

  close(): void {
    this.#listed.cluster.observation.release();
    this.#listed.listener.observation.release();
    for (const named of Object.values(this.#named)) {
      for (const { observation } of named.values()) observation.release();
      named.clear();
    }
  }

  #onListChanged(kind: ListedKind): void {
    const listed = this.#listed[kind];
    const before = listed.byName;
    const after = this.#read(kind, () => byName(listed.observation.value()), before);
    listed.byName = after;
    const changed: string[] = [];
    for (const [name, resource] of after) {
      if (before.get(name)?.version !== resource.version) changed.push(name);
    }
    for (const name of before.keys()) if (!after.has(name)) changed.push(name);
    if (changed.length > 0) this.#tell(kind, changed);
  }

  #tell(kind: PushedKind, names: readonly string[]): void {
    for (const member of this.#members) member.onChanged(kind, names);
  }

  #read<T>(kind: PushedKind, read: () => T, otherwise: T): T {
    try {
      return read();
    } catch (error) {
      this.#options.onFailure(kind, error);
      return otherwise;
    }
  }
}

function byName(resources: readonly EncodedResource[]): ReadonlyMap<string, EncodedResource> {
  return new Map(resources.map((resource) => [resource.name, resource]));
}
