import {
  hasValues,
  restrictCriteria,
  subsetKeysOf,
  subsetNamespace,
  type SubsetCriteria,
} from '../../decide/subset-criteria.ts';
import type { SubsetBalancing } from '../../model/cluster.ts';
import type { Host } from '../host.ts';
import type { BalancerRequest } from './balancer.ts';
import type { PriorityBalancer, PriorityHosts } from './priority-balancer.ts';

/** What a request says of the group that it wants. */
interface SubsetRequest extends BalancerRequest {
  readonly subset: SubsetCriteria | undefined;
}

/** Told what was used, for statistics. */
export interface SubsetObserver {
  onSubsetSelected(): void;
  onSubsetFallback(): void;
  onSubsetFallbackPanic(): void;
}

/** Hosts by their metadata, each group balanced by itself; what groups there are follows from the hosts. */
export class SubsetBalancer {
  readonly #rules: SubsetBalancing;
  readonly #observer: SubsetObserver;
  readonly #subsets = new Map<string, PriorityBalancer>();
  readonly #all: PriorityBalancer;
  readonly #default: PriorityBalancer | undefined;
  /** Hosts that are left out because their group is to have one only. */
  duplicates = 0;

  constructor(
    priorities: PriorityHosts,
    rules: SubsetBalancing,
    create: (priorities: PriorityHosts) => PriorityBalancer,
    observer: SubsetObserver,
  ) {
    this.#rules = rules;
    this.#observer = observer;
    const valuesOf = (host: Host) => host.endpoint.metadata[subsetNamespace] ?? {};
    const only = (wanted: (host: Host) => boolean): PriorityHosts =>
      priorities.map((localities) =>
        localities.map(({ weight, hosts }) => {
          const own = hosts.filter(wanted);
          return { weight: weightOf(weight, own.length, hosts.length), hosts: own };
        }),
      );
    const weightOf = (weight: number, own: number, all: number): number => {
      if (rules.localityWeights === undefined || all === 0) return 0;
      return rules.localityWeights === 'scaled' ? Math.round((weight * own) / all) : weight;
    };
    this.#all = create(only(() => true));
    this.#default =
      rules.fallback === 'default_subset' || rules.selectors.some((s) => s.fallback === 'default_subset')
        ? create(only((host) => hasValues(valuesOf(host), rules.defaultSubset)))
        : undefined;
    for (const { keys, singleHost = false } of rules.selectors) {
      const members = new Map<string, Set<Host>>();
      for (const { hosts } of priorities.flat()) {
        for (const host of hosts) {
          for (const key of subsetKeysOf(valuesOf(host), keys, rules.listAsAny)) {
            const group = members.get(key);
            if (group === undefined) members.set(key, new Set([host]));
            else if (singleHost) this.duplicates++;
            else group.add(host);
          }
        }
      }
      for (const [key, group] of members) this.#subsets.set(key, create(only((host) => group.has(host))));
    }
  }

  /** How many groups there are. */
  get size(): number {
    return this.#subsets.size;
  }

  /** The groups, by a text that stands for what they are. */
  get keys(): Iterable<string> {
    return this.#subsets.keys();
  }

  has(key: string): boolean {
    return this.#subsets.has(key);
  }

  /** All hosts, whatever their metadata. */
  get all(): PriorityBalancer {
    return this.#all;
  }

  /** A host for the request; `priority`: one of exactly this priority. */
  pick(request: SubsetRequest, priority: number | undefined): Host | undefined {
    const { subset } = request;
    const list = this.#rules.fallbackList === true ? subset?.fallbacks : undefined;
    if (list === undefined) return this.#pickFor(subset, request, priority);
    for (const criteria of list) {
      const host = this.#pickFor(criteria, request, priority);
      if (host !== undefined) return host;
    }
    return undefined;
  }

  /** Of the group that is asked for, whatever its health; where there is none, as the selector or else the cluster says. */
  #pickFor(
    criteria: SubsetCriteria | undefined,
    request: SubsetRequest,
    priority: number | undefined,
  ): Host | undefined {
    const subset = criteria === undefined ? undefined : this.#subsets.get(criteria.key);
    if (subset !== undefined) {
      this.#observer.onSubsetSelected();
      return pickOf(subset, request, priority);
    }
    const selector = criteria === undefined ? undefined : this.#selectorOf(criteria);
    switch (selector?.fallback) {
      case undefined:
        return this.#fallBack(request, priority);
      case 'keys_subset':
        return this.#pickFor(
          criteria === undefined ? undefined : restrictCriteria(criteria, selector?.fallbackKeys ?? []),
          request,
          priority,
        );
      case 'any':
        return pickOf(this.#all, request, priority);
      case 'default_subset':
        return pickOf(this.#default, request, priority);
      default:
        return undefined;
    }
  }

  #selectorOf({ entries }: SubsetCriteria): SubsetBalancing['selectors'][number] | undefined {
    return this.#rules.selectors.find(
      ({ keys }) => keys.length === entries.length && entries.every(([key]) => keys.includes(key)),
    );
  }

  /** Of the cluster: counted where it finds a host, and where it does not, any host may be taken. */
  #fallBack(request: SubsetRequest, priority: number | undefined): Host | undefined {
    const { fallback, panicModeAny } = this.#rules;
    if (fallback === 'none') return undefined;
    const host = pickOf(fallback === 'any' ? this.#all : this.#default, request, priority);
    if (host !== undefined) {
      this.#observer.onSubsetFallback();
      return host;
    }
    if (!panicModeAny) return undefined;
    const any = pickOf(this.#all, request, priority);
    if (any !== undefined) this.#observer.onSubsetFallbackPanic();
    return any;
  }
}

function pickOf(
  balancer: PriorityBalancer | undefined,
  request: BalancerRequest,
  priority: number | undefined,
): Host | undefined {
  return priority === undefined ? balancer?.pick(request) : balancer?.pickAt(priority, request);
}
