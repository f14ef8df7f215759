import type { Cluster } from '../model/cluster.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import type { BalancerContext } from './balancer/balancer.ts';
import { PriorityBalancer, type BalancingRules, type PriorityHosts } from './balancer/priority-balancer.ts';
import { SubsetBalancer } from './balancer/subset-balancer.ts';
import type { ZoneRules } from './balancer/zone-balancer.ts';
import type { Host } from './host.ts';
import type { LocalCluster } from './local-cluster.ts';
import { panicThresholdUnder } from './runtime-limits.ts';

/** Hosts of one entry of the assignment. */
export interface HostGroup {
  readonly priority: number;
  readonly weight: number;
  readonly hosts: readonly Host[];
}

/** Who is asked for the next host: subsets where the cluster has them. */
export interface ClusterBalancers {
  readonly all: PriorityBalancer;
  readonly subsets: SubsetBalancer | undefined;
}

/** What balancers are made with besides the cluster. */
export interface BalancingSurroundings {
  readonly stats: ClusterStats;
  readonly runtime: Runtime;
  readonly balancing: BalancerContext;
  /** The cluster of the proxy itself, where it is known and another one. */
  readonly local: LocalCluster | undefined;
  readonly overprovisioningPercent: number;
  /** The groups that there were. */
  readonly before: SubsetBalancer | undefined;
}

/** The balancers of a cluster over its hosts as they now are. */
export function compileBalancers(
  model: Cluster,
  groups: readonly HostGroup[],
  surroundings: BalancingSurroundings,
): ClusterBalancers {
  const { stats, runtime, balancing } = surroundings;
  const priorities: { readonly weight: number; readonly hosts: readonly Host[] }[][] = [];
  for (const { priority, weight, hosts } of groups) (priorities[priority] ??= []).push({ weight, hosts });
  const filled: PriorityHosts = Array.from(priorities, (localities) => localities ?? []);
  const zones = zoneRulesOf(model, surroundings);
  const rules: BalancingRules = {
    policy: model.loadBalancing,
    localityWeighted: model.localityWeighted,
    panicThresholdPercent: panicThresholdUnder(runtime, model.panicThresholdPercent),
    overprovisioningPercent: surroundings.overprovisioningPercent,
    failTrafficOnPanic: model.zoneAware?.failTrafficOnPanic === true,
    ...(zones === undefined ? {} : { zones }),
  };
  const create = (hosts: PriorityHosts): PriorityBalancer =>
    new PriorityBalancer(hosts, rules, balancing, () => stats.n.lbHealthyPanic++);
  if (model.subsets === undefined) return { all: create(filled), subsets: undefined };
  const { n } = stats.subsets;
  const subsets = new SubsetBalancer(filled, model.subsets, create, {
    onSubsetSelected: () => n.selected++,
    onSubsetFallback: () => n.fallback++,
    onSubsetFallbackPanic: () => n.fallbackPanic++,
  });
  n.active = subsets.size;
  n.singleHostDuplicate = subsets.duplicates;
  const { before } = surroundings;
  for (const key of subsets.keys) if (before?.has(key) !== true) n.created++;
  for (const key of before?.keys ?? []) if (!subsets.has(key)) n.removed++;
  return { all: subsets.all, subsets };
}

function zoneRulesOf(
  model: Cluster,
  { stats, runtime, local }: BalancingSurroundings,
): ZoneRules | undefined {
  const { zoneAware } = model;
  if (zoneAware === undefined || local === undefined) return undefined;
  const { n } = stats.zones;
  return {
    routingPercent: runtime.number('upstream.zone_routing.enabled', zoneAware.routingPercent),
    minClusterSize: runtime.number('upstream.zone_routing.min_cluster_size', zoneAware.minClusterSize),
    failTrafficOnPanic: zoneAware.failTrafficOnPanic,
    local,
    observer: {
      onRecalculated: () => n.recalculated++,
      onClusterTooSmall: () => n.clusterTooSmall++,
      onLocalClusterNotOk: () => n.localClusterNotOk++,
      onAllDirectly: () => n.allDirectly++,
      onSampled: () => n.sampled++,
      onCrossZone: () => n.crossZone++,
      onNoCapacityLeft: () => n.noCapacityLeft++,
    },
  };
}
