import { localityWeights } from '../../decide/locality-load.ts';
import { priorityLoads, type PriorityHealth } from '../../decide/priority-load.ts';
import type { LoadBalancing } from '../../model/cluster.ts';
import type { Host } from '../host.ts';
import {
  createBalancer,
  isConsistent,
  type Balancer,
  type BalancerContext,
  type BalancerRequest,
} from './balancer.ts';
import { WeightedSchedule } from './weighted-schedule.ts';
import { zoneBalancer, type ZoneRules } from './zone-balancer.ts';

/** Hosts of one locality at one priority. */
export interface LocalityHosts {
  /** 0: none was given. */
  readonly weight: number;
  readonly hosts: readonly Host[];
}

/** The localities of each priority. */
export type PriorityHosts = readonly (readonly LocalityHosts[])[];

export interface BalancingRules {
  readonly policy: LoadBalancing;
  readonly localityWeighted: boolean;
  readonly panicThresholdPercent: number;
  readonly overprovisioningPercent: number;
  /** Requests stay in the zone of the proxy as far as they can. */
  readonly zones?: ZoneRules;
  /** Nobody is asked, instead of all, where too few hosts are healthy. */
  readonly failTrafficOnPanic?: boolean;
}

/** Where a share of the requests goes. */
interface Level {
  readonly upTo: number;
  readonly priority: number;
  readonly panic: boolean;
  readonly balancer: Balancer;
}

/** Chooses a priority by the health of all, then a locality, then a host. */
export class PriorityBalancer implements Balancer {
  readonly #levels: readonly Level[];
  readonly #byHash: boolean;
  readonly #random: () => number;
  readonly #onPanic: () => void;
  /** Hosts that there are not are fewer than have to be healthy. */
  readonly #panicsInVain: boolean;
  readonly health: readonly PriorityHealth[];
  readonly #create: (avoided: ReadonlySet<number>) => PriorityBalancer;
  /** Made when a retry first asks for them. */
  #others: Map<string, PriorityBalancer> | undefined;

  constructor(
    priorities: PriorityHosts,
    rules: BalancingRules,
    context: BalancerContext,
    onPanic: () => void,
  ) {
    this.#byHash = isConsistent(rules.policy);
    this.#random = context.random;
    this.#onPanic = onPanic;
    this.#create = (avoided) =>
      new PriorityBalancer(
        priorities.map((localities, i) => (avoided.has(i) ? [] : localities)),
        rules,
        context,
        onPanic,
      );
    this.health = priorities.map(healthOf);
    const loads = priorityLoads(this.health, rules.overprovisioningPercent, rules.panicThresholdPercent);
    const levels: Level[] = [];
    let sum = 0;
    const add = (
      percent: number,
      priority: number,
      panic: boolean,
      wanted: (host: Host) => boolean,
    ): void => {
      if (percent === 0) return;
      sum += percent;
      const group = priorities[priority] ?? [];
      let balancer = groupBalancer(group, wanted, panic, rules, context);
      if (priority === 0 && wanted === isHealthy && rules.zones !== undefined && !this.#byHash) {
        balancer = zoneBalancer(
          group.flatMap(({ hosts }) => hosts.filter(isHealthy)),
          balancer,
          rules.panicThresholdPercent,
          rules.zones,
          context.random,
          (hosts) => createBalancer(rules.policy, hosts, context),
        );
      }
      levels.push({ upTo: sum > 99.999 ? 100 : sum, priority, panic, balancer });
    };
    const inPanic = rules.failTrafficOnPanic === true ? () => false : () => true;
    loads.forEach(({ percent, panic }, i) => add(percent, i, panic, panic ? inPanic : isHealthy));
    loads.forEach(({ degradedPercent }, i) =>
      add(degradedPercent, i, false, (host) => host.health === 'degraded'),
    );
    this.#levels = levels;
    this.#panicsInVain = levels.length === 0 && rules.panicThresholdPercent > 0;
  }

  pick(request: BalancerRequest): Host | undefined {
    const { avoidPriorities } = request;
    if (avoidPriorities !== undefined) {
      const others = this.#without(avoidPriorities);
      if (others !== undefined) return others.#pickAny(request);
    }
    return this.#pickAny(request);
  }

  #pickAny(request: BalancerRequest): Host | undefined {
    const levels = this.#levels;
    let level = levels[0];
    if (level === undefined) {
      if (this.#panicsInVain) this.#onPanic();
      return undefined;
    }
    if (level.upTo < 100) {
      const hash = this.#byHash ? request.hash() : undefined;
      const wanted = hash === undefined ? this.#random() * 100 : Number(hash % 100n);
      for (let i = 1; i < levels.length && wanted >= level.upTo; i++) level = levels[i] as Level;
    }
    return this.#pickOf(level, request);
  }

  /** A host of exactly this priority, as an aggregate cluster asks for it. */
  pickAt(priority: number, request: BalancerRequest): Host | undefined {
    const level = this.#levels.find((one) => one.priority === priority);
    return level === undefined ? this.pick(request) : this.#pickOf(level, request);
  }

  /** As if these priorities had no host; undefined where the others have no healthy one. */
  #without(avoided: ReadonlySet<number>): PriorityBalancer | undefined {
    const key = [...avoided].sort((a, b) => a - b).join(',');
    let others = this.#others?.get(key);
    if (others === undefined) {
      others = this.#create(avoided);
      (this.#others ??= new Map<string, PriorityBalancer>()).set(key, others);
    }
    return others.health.some(({ healthy, degraded }) => healthy + degraded > 0) ? others : undefined;
  }

  #pickOf(level: Level, request: BalancerRequest): Host | undefined {
    if (level.panic) this.#onPanic();
    return level.balancer.pick(request);
  }
}

function isHealthy(host: Host): boolean {
  return host.health === 'healthy';
}

function healthOf(localities: readonly LocalityHosts[]): PriorityHealth {
  let healthy = 0;
  let degraded = 0;
  let total = 0;
  for (const { hosts } of localities) {
    total += hosts.length;
    for (const { health } of hosts) {
      if (health === 'healthy') healthy++;
      else if (health === 'degraded') degraded++;
    }
  }
  return { healthy, degraded, total };
}

/** Over the wanted hosts of a priority; by the weights of the localities where the cluster asks for that and some have one. */
function groupBalancer(
  localities: readonly LocalityHosts[],
  wanted: (host: Host) => boolean,
  panic: boolean,
  rules: BalancingRules,
  context: BalancerContext,
): Balancer {
  const groups = localities.map(({ hosts, weight }) => ({
    weight,
    total: hosts.length,
    hosts: hosts.filter(wanted),
  }));
  const weights = localityWeights(
    groups.map(({ weight, total, hosts }) => ({ weight, total, available: hosts.length })),
    rules.overprovisioningPercent,
  );
  const used = groups.flatMap(({ hosts }, i) => {
    const weight = weights[i] ?? 0;
    return hosts.length > 0 && weight > 0 ? [{ hosts, weight }] : [];
  });
  // In panic localities do not count: all hosts of the priority take part.
  if (!rules.localityWeighted || panic || used.length === 0) {
    return createBalancer(
      rules.policy,
      groups.flatMap(({ hosts }) => hosts),
      context,
    );
  }
  if (used.length === 1) return createBalancer(rules.policy, used[0]?.hosts ?? [], context);
  if (isConsistent(rules.policy)) {
    const shares = used.flatMap(({ hosts, weight }) => {
      const sum = hosts.reduce((a, host) => a + host.weight, 0);
      return hosts.map((host) => (weight * host.weight) / sum);
    });
    const hosts = used.flatMap((group) => group.hosts);
    return createBalancer(rules.policy, hosts, context, Float64Array.from(shares));
  }
  return new LocalityBalancer(
    used.map(({ hosts, weight }) => ({ weight, balancer: createBalancer(rules.policy, hosts, context) })),
    context.random,
  );
}

/** Localities take turns by weight. */
class LocalityBalancer implements Balancer {
  readonly #balancers: readonly Balancer[];
  readonly #schedule: WeightedSchedule;

  constructor(
    localities: readonly { readonly weight: number; readonly balancer: Balancer }[],
    random: () => number,
  ) {
    this.#balancers = localities.map(({ balancer }) => balancer);
    this.#schedule = new WeightedSchedule(localities.length, (i) => localities[i]?.weight ?? 1, random);
  }

  pick(request: BalancerRequest): Host | undefined {
    return this.#balancers[this.#schedule.next()]?.pick(request);
  }
}
