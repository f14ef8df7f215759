import type { Engine, Observation } from '../engine/engine.ts';
import type { ListedKind, NamedKind, ResourceSetSpec } from '../translate/proxy-view.ts';
import type { EncodedResource } from '../translate/resource.ts';

/** The kinds of resources that are translated, in the order in which they are sent: make before break. */
export const pushedKinds = ['cluster', 'endpoint', 'extensionConfig', 'listener', 'route', 'secret'] as const;
export type PushedKind = (typeof pushedKinds)[number];

/** True for kinds of which a proxy gets all, without asking by name. */
export function isListed(kind: PushedKind): kind is ListedKind {
  return kind === 'cluster' || kind === 'listener';
}

/** Is told which resources have become others. */
export interface SetMember {
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

export interface ResourceSetOptions {
  readonly engine: Engine;
  readonly spec: ResourceSetSpec;
  /** Told of a translation that failed, which is a bug; what was sent before stays in force. */
  readonly onFailure: (what: string, error: unknown) => void;
}

const nothing: ReadonlyMap<string, EncodedResource> = new Map();

/**
 * Resources that some connected proxies share: watched once for all of them, who are told by name what
 * changed.
 */
export class ResourceSet {
  readonly #options: ResourceSetOptions;
  readonly #members = new Set<SetMember>();
  readonly #listed = new Map<ListedKind, Listed>();
  readonly #named = new Map<string, Named>();

  constructor(options: ResourceSetOptions) {
    this.#options = options;
    const { engine, spec } = options;
    for (const kind of ['cluster', 'listener'] as const) {
      const bound = spec.listed[kind];
      if (bound === undefined) continue;
      const observation = engine.observe(bound.query, bound.key, () => this.#onListChanged(kind));
      this.#listed.set(kind, {
        observation,
        byName: this.#read(kind, () => byName(observation.value()), nothing),
      });
    }
  }

  get text(): string {
    return this.#options.spec.text;
  }

  get size(): number {
    return this.#members.size;
  }

  join(member: SetMember): void {
    this.#members.add(member);
  }

  leave(member: SetMember): void {
    this.#members.delete(member);
  }

  /** True where resources of this kind are asked for by name here. */
  names(kind: PushedKind): kind is NamedKind {
    return !isListed(kind) && this.#options.spec.named[kind] !== undefined;
  }

  /** All resources of a listed kind in this set. */
  all(kind: ListedKind): ReadonlyMap<string, EncodedResource> {
    return this.#listed.get(kind)?.byName ?? nothing;
  }

  /** A resource by name; undefined where the set has none of this name. */
  get(kind: PushedKind, name: string): EncodedResource | undefined {
    if (isListed(kind)) return this.#listed.get(kind)?.byName.get(name);
    const named = this.#named.get(`${kind} ${name}`);
    return named === undefined ? undefined : this.#read(kind, () => named.observation.value(), undefined);
  }

  /** Watches a named resource for one more member. */
  retain(kind: NamedKind, name: string): void {
    const known = this.#named.get(`${kind} ${name}`);
    if (known !== undefined) {
      known.interested++;
      return;
    }
    const bound = this.#options.spec.named[kind]?.(name);
    if (bound === undefined) return;
    const onChange = (): void => this.#tell(kind, [name]);
    const observation = this.#options.engine.observe(bound.query, bound.key, onChange);
    this.#named.set(`${kind} ${name}`, { observation, interested: 1 });
  }

  /** The opposite of {@link retain}. */
  release(kind: NamedKind, name: string): void {
    const known = this.#named.get(`${kind} ${name}`);
    if (known === undefined || --known.interested > 0) return;
    known.observation.release();
    this.#named.delete(`${kind} ${name}`);
  }

  close(): void {
    for (const { observation } of this.#listed.values()) observation.release();
    for (const { observation } of this.#named.values()) observation.release();
    this.#named.clear();
  }

  #onListChanged(kind: ListedKind): void {
    const listed = this.#listed.get(kind);
    if (listed === undefined) return;
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
