import { isDeepStrictEqual } from 'node:util';
import {
  discoveredFiltersOf,
  endpointNameOf,
  referenceKey,
  routeNamesOf,
  secretNamesOf,
  type Cluster,
  type ConfigSource,
  type Listener,
  type ReferredKind,
} from '../model/index.ts';
import type { ConfigChange } from './config-change.ts';
import type { Decoded } from './waiting-set.ts';

const referredKinds = [
  'endpoints',
  'routes',
  'secrets',
  'extensions',
] as const satisfies readonly ReferredKind[];

/**
 * Kinds of which a resource stays as long as something refers to it, whatever a control plane says is gone or has
 * outlived its time: as Envoy, which takes it as an answer to who waits for it, and no more.
 */
export type LastingKind = Exclude<ReferredKind, 'extensions'>;

/** Names that are referred to, with their sources; undefined: ADS. */
export type WantedNames = ReadonlyMap<string, ConfigSource | undefined>;

/** Something that is waited for: its kind and name. */
export type Wait = readonly [kind: ReferredKind, name: string];

export interface ReferencesOptions {
  /** Told the names that are referred to, and where each comes from (undefined: ADS), whenever they change. */
  readonly want: (kind: ReferredKind, names: WantedNames) => void;
  /** True for names of secrets that do not come by subscription; they stay when nothing refers to them. */
  readonly isLocalSecret: (name: string) => boolean;
}

/** The names that clusters and listeners refer to, and which of them were answered for. */
export class References {
  readonly #options: ReferencesOptions;
  /** Names that were answered for: the resource came, or does not exist. */
  readonly #answered: Record<ReferredKind, Set<string>> = {
    endpoints: new Set(),
    routes: new Set(),
    secrets: new Set(),
    extensions: new Set(),
  };
  readonly #wanted: Record<ReferredKind, WantedNames> = {
    endpoints: new Map(),
    routes: new Map(),
    secrets: new Map(),
    extensions: new Map(),
  };

  constructor(options: ReferencesOptions) {
    this.#options = options;
  }

  /** Notes what came, and what is said not to exist. */
  noteAnswers(change: ConfigChange): void {
    for (const kind of referredKinds) {
      for (const resource of change[kind]?.set ?? []) this.#answered[kind].add(resource.name);
      for (const name of change[kind]?.remove ?? []) this.#answered[kind].add(name);
    }
  }

  /** Names that were referred to and have not been answered for. */
  unanswered(kind: ReferredKind): readonly string[] {
    return [...this.#wanted[kind].keys()].filter((name) => !this.#answered[kind].has(name));
  }

  /** The names that are referred to. */
  wanted(kind: ReferredKind): WantedNames {
    return this.#wanted[kind];
  }

  /** What a cluster or listener refers to and has not come. */
  waitsOf(model: Cluster | Listener): readonly Wait[] {
    const waits: Wait[] = [...secretNamesOf(model)].map((name) => ['secrets', name]);
    if ('filterChains' in model) {
      for (const name of routeNamesOf(model)) waits.push(['routes', name]);
      for (const one of discoveredFiltersOf(model)) if (one.awaited) waits.push(['extensions', one.name]);
    } else {
      const endpoints = endpointNameOf(model);
      if (endpoints !== undefined) waits.push(['endpoints', endpoints]);
    }
    return waits.filter(([kind, name]) => !this.#answered[kind].has(name));
  }

  /** True where nothing that it refers to is missing. */
  isAnswered(model: Cluster | Listener): boolean {
    return this.waitsOf(model).length === 0;
  }

  /** Works out what is referred to; returns the names that were and are not any more. */
  update(
    clusters: Iterable<Decoded<Cluster>>,
    listeners: Iterable<Decoded<Listener>>,
  ): Readonly<Record<ReferredKind, readonly string[]>> {
    const wanted: Record<ReferredKind, Map<string, ConfigSource | undefined>> = {
      endpoints: new Map(),
      routes: new Map(),
      secrets: new Map(),
      extensions: new Map(),
    };
    const add = (kind: ReferredKind, name: string, entry: Pick<Decoded<unknown>, 'sources'>): void => {
      wanted[kind].set(name, entry.sources?.get(referenceKey(kind, name)));
    };
    for (const entry of clusters) {
      const endpoints = endpointNameOf(entry.model);
      if (endpoints !== undefined) add('endpoints', endpoints, entry);
      for (const name of secretNamesOf(entry.model)) add('secrets', name, entry);
    }
    for (const entry of listeners) {
      for (const name of routeNamesOf(entry.model)) add('routes', name, entry);
      for (const { name } of discoveredFiltersOf(entry.model)) add('extensions', name, entry);
      for (const name of secretNamesOf(entry.model)) add('secrets', name, entry);
    }
    const unwanted: Record<ReferredKind, string[]> = {
      endpoints: [],
      routes: [],
      secrets: [],
      extensions: [],
    };
    for (const kind of referredKinds) {
      const before = this.#wanted[kind];
      this.#wanted[kind] = wanted[kind];
      if (sameWanted(before, wanted[kind])) continue;
      for (const name of before.keys()) {
        if (wanted[kind].has(name)) continue;
        if (kind === 'secrets' && this.#options.isLocalSecret(name)) continue;
        this.#answered[kind].delete(name);
        unwanted[kind].push(name);
      }
      this.#options.want(kind, wanted[kind]);
    }
    return unwanted;
  }
}

function sameWanted(before: WantedNames, now: WantedNames): boolean {
  if (before.size !== now.size) return false;
  for (const [name, source] of now) {
    if (!before.has(name) || !isDeepStrictEqual(before.get(name), source)) return false;
  }
  return true;
}
