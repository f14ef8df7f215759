import { localityKey, zoneRouting, type ZoneHosts, type ZoneRouting } from '../../decide/zone-routing.ts';
import type { ZoneAware } from '../../model/cluster.ts';
import type { Host } from '../host.ts';
import type { LocalCluster } from '../local-cluster.ts';
import type { Balancer, BalancerRequest } from './balancer.ts';

/** Told what was decided, for statistics. */
export interface ZoneObserver {
  onRecalculated(): void;
  onClusterTooSmall(): void;
  onLocalClusterNotOk(): void;
  onAllDirectly(): void;
  onSampled(): void;
  onCrossZone(): void;
  onNoCapacityLeft(): void;
}

/** What zone-aware routing of a cluster goes by. */
export interface ZoneRules extends ZoneAware {
  readonly local: LocalCluster;
  readonly observer: ZoneObserver;
}

/** The healthy hosts of a priority by their locality, the own one first. */
function byLocality(hosts: readonly Host[], own: string): Map<string, Host[]> {
  const zones = new Map<string, Host[]>([[own, []]]);
  for (const host of hosts) {
    const key = localityKey(host.locality);
    const zone = zones.get(key);
    if (zone === undefined) zones.set(key, [host]);
    else zone.push(host);
  }
  if (zones.get(own)?.length === 0) zones.delete(own);
  return zones;
}

/**
 * Over the healthy hosts of the first priority, such that requests stay in the zone of the proxy; `plain`
 * itself where zones are not to count.
 * Source: Envoy, "Zone aware routing"; `upstream.zone_routing.enabled`, `…min_cluster_size`.
 */
export function zoneBalancer(
  hosts: readonly Host[],
  plain: Balancer,
  panicThresholdPercent: number,
  rules: ZoneRules,
  random: () => number,
  create: (hosts: readonly Host[]) => Balancer,
): Balancer {
  const { local, observer } = rules;
  observer.onRecalculated();
  const zones = byLocality(hosts, local.locality);
  if (zones.size < 2 || local.zones.length < 2) return plain;
  if (!local.zones.some(({ locality, total }) => locality === local.locality && total > 0)) {
    observer.onLocalClusterNotOk();
    return plain;
  }
  if (hosts.length < rules.minClusterSize) {
    observer.onClusterTooSmall();
    return plain;
  }
  const upstream: ZoneHosts[] = [...zones].map(([locality, { length }]) => ({ locality, healthy: length }));
  const routing = zoneRouting(local.locality, local.zones, upstream);
  const hostsOfZones = [...zones.values()];
  return new ZoneBalancer({
    plain,
    routing,
    // The callers are not known well enough to go by them.
    callersPanic: local.isInPanic(panicThresholdPercent),
    hasOwn: zones.has(local.locality),
    balancers: hostsOfZones.map(create),
    rules,
    random,
  });
}

interface ZoneChoice {
  readonly plain: Balancer;
  readonly routing: ZoneRouting;
  readonly callersPanic: boolean;
  readonly hasOwn: boolean;
  /** One for each zone, the own one first. */
  readonly balancers: readonly Balancer[];
  readonly rules: ZoneRules;
  readonly random: () => number;
}

class ZoneBalancer implements Balancer {
  readonly #choice: ZoneChoice;

  constructor(choice: ZoneChoice) {
    this.#choice = choice;
  }

  pick(request: BalancerRequest): Host | undefined {
    const { plain, callersPanic, rules, random } = this.#choice;
    const { routingPercent, failTrafficOnPanic, observer } = rules;
    if (routingPercent < 100 && random() * 100 >= routingPercent) return plain.pick(request);
    if (callersPanic) {
      observer.onLocalClusterNotOk();
      return failTrafficOnPanic ? undefined : plain.pick(request);
    }
    return this.#choice.balancers[this.#zone()]?.pick(request);
  }

  #zone(): number {
    const { routing, hasOwn, balancers, random, rules } = this.#choice;
    const { observer } = rules;
    if (routing.kind === 'direct') {
      observer.onAllDirectly();
      return 0;
    }
    if (hasOwn && random() < routing.localShare) {
      observer.onSampled();
      return 0;
    }
    observer.onCrossZone();
    const { capacity } = routing;
    const all = capacity.at(-1) ?? 0;
    if (all === 0) {
      observer.onNoCapacityLeft();
      return Math.floor(random() * balancers.length);
    }
    const wanted = random() * all;
    let zone = 0;
    while (zone < capacity.length - 1 && wanted >= (capacity[zone] ?? 0)) zone++;
    return zone;
  }
}
