import {
  hasValues,
  restrictCriteria,
  subsetKeysOf,
  subsetNamespace,
  type SubsetCriteria,
} from '../../decide/subset-criteria.ts';
import type { SubsetBalancing, SubsetFallback } from '../../model/cluster.ts';
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
      return rules.localityWeights === 'scaled' ? (weight * own) / all : weight;
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
    if (list === undefined) return pickOf(this.choose(subset), request, priority);
    for (const criteria of list) {
      const host = pickOf(this.choose(criteria), request, priority);
      if (host !== undefined) return host;
    }
    return undefined;
  }

  /** Those that a request may go to; undefined where there are none. */
  choose(criteria: SubsetCriteria | undefined): PriorityBalancer | undefined {
    const subset = criteria === undefined ? undefined : this.#subsets.get(criteria.key);
    if (subset !== undefined) {
      this.#observer.onSubsetSelected();
      return subset;
    }
    const found = this.#fallBack(criteria);
    if (found === undefined && this.#rules.panicModeAny) {
      this.#observer.onSubsetFallbackPanic();
      return this.#all;
    }
    return found;
  }

  #fallBack(criteria: SubsetCriteria | undefined): PriorityBalancer | undefined {
    const selector =
      criteria === undefined
        ? undefined
        : this.#rules.selectors.find(
            ({ keys }) =>
              keys.length === criteria.entries.length &&
              criteria.entries.every(([key]) => keys.includes(key)),
          );
    const policy: SubsetFallback | 'keys_subset' = selector?.fallback ?? this.#rules.fallback;
    switch (policy) {
      case 'keys_subset': {
        const fewer =
          criteria === undefined ? undefined : restrictCriteria(criteria, selector?.fallbackKeys ?? []);
        return fewer === undefined ? undefined : this.choose(fewer);
      }
      case 'any':
        this.#observer.onSubsetFallback();
        return this.#all;
      case 'default_subset':
        this.#observer.onSubsetFallback();
        return this.#default;
      default:
        return undefined;
    }
  }
}

function pickOf(
  balancer: PriorityBalancer | undefined,
  request: BalancerRequest,
  priority: number | undefined,
): Host | undefined {
  return priority === undefined ? balancer?.pick(request) : balancer?.pickAt(priority, request);
}
