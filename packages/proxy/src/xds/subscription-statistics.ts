import { clusterStatPlace } from '../telemetry/cluster-stats.ts';
import type { StatGroup, StatVisitor } from '../telemetry/stat-group.ts';
import { ControlPlaneStats } from './control-plane-stats.ts';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import type { ResourceUpdate } from './subscription.ts';

/** Where statistics are shown. */
export interface StatShelf {
  add(group: StatGroup): void;
  remove(group: StatGroup): void;
}

/** The statistics of one subscription (https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/mgmt_server). */
class SubscriptionStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where the same numbers are shown too: endpoints may be those of several clusters. */
  others: readonly StatGroup[] | undefined = undefined;
  /** Of the stream that it comes by, where that is its own. */
  controlPlane: ControlPlaneStats | undefined = undefined;
  attempt = 0;
  success = 0;
  failure = 0;
  rejected = 0;
  fetchTimeout = 0;
  updatedAtMs = 0;
  versionText = '';
  /** Files of a secret that have changed and could not be used; undefined for other kinds. */
  keyRotationFailed: number | undefined;

  constructor(prefix: string, prometheusPrefix: string, labels: Readonly<Record<string, string>> = {}) {
    this.prefix = prefix;
    this.prometheusPrefix = prometheusPrefix;
    this.labels = labels;
  }

  visit(visitor: StatVisitor): void {
    visitor.number('init_fetch_timeout', 'counter', this.fetchTimeout);
    visitor.number('update_attempt', 'counter', this.attempt);
    visitor.number('update_failure', 'counter', this.failure);
    visitor.number('update_rejected', 'counter', this.rejected);
    visitor.number('update_success', 'counter', this.success);
    visitor.number('update_time', 'gauge', this.updatedAtMs);
    if (this.keyRotationFailed !== undefined)
      visitor.number('key_rotation_failed', 'counter', this.keyRotationFailed);
    visitor.text('version_text', this.versionText);
    this.controlPlane?.visit(visitor, 'control_plane.');
  }

  resetCounters(): void {
    this.attempt = 0;
    this.success = 0;
    this.failure = 0;
    this.rejected = 0;
    this.fetchTimeout = 0;
    this.controlPlane?.resetCounters();
    if (this.keyRotationFailed !== undefined) this.keyRotationFailed = 0;
  }
}

/** Counts what comes by subscription, under Envoy's names. */
export interface SubscriptionStatistics {
  /** A kind is subscribed to whole, or exactly these names of it. */
  subscribed(type: ResourceType, names?: ReadonlyMap<string, unknown>): void;
  /** An update was taken; those refused are in `refused`. */
  taken(update: ResourceUpdate, refused: ReadonlyMap<string, string>, atMs: number): void;
  /** A way by which resources of these kinds come failed; of kinds that are asked for by name, by default of all names. */
  failed(types: Iterable<ResourceType>, names?: ReadonlySet<string>): void;
  /** What came could not be used at all by those who wait for these names, or for the whole kind. */
  refused(type: ResourceType, names: ReadonlySet<string>): void;
  /** Something was not waited for any longer; without a name: the first of its kind. */
  fetchTimedOut(type: ResourceType, name?: string): void;
  /** Files of a secret have changed and cannot be used. */
  rotationFailed(secret: string): void;
  /** Of the stream of all kinds. */
  readonly ads: ControlPlaneStats;
  /** These names, or the whole kind, come by a stream of their own. */
  servedBy(type: ResourceType, names: ReadonlySet<string> | undefined, controlPlane: ControlPlaneStats): void;
}

/** What names of statistics are made with. */
export interface ReferrerNames {
  /** The prefix of the connection manager that a route table belongs to. */
  routePrefix(name: string): string;
  /** The clusters that have endpoints of a name. */
  endpointOwners(): ReadonlyMap<string, readonly string[]>;
  /** What a filter whose configuration comes by itself filters. */
  filterLayer(name: string): 'http' | 'network';
}

export function subscriptionStatistics(shelf: StatShelf, referrers: ReferrerNames): SubscriptionStatistics {
  const whole = new Map<ResourceType, SubscriptionStats>();
  const named = new Map<ResourceType, Map<string, SubscriptionStats>>();
  const ads = new ControlPlaneStats();
  shelf.add({
    prefix: 'control_plane.',
    prometheusPrefix: 'envoy_control_plane_',
    labels: {},
    visit: (visitor) => ads.visit(visitor, ''),
    resetCounters: () => ads.resetCounters(),
  });

  function create(type: ResourceType, name: string): SubscriptionStats | undefined {
    switch (type) {
      case 'cluster':
        return new SubscriptionStats('cluster_manager.cds.', 'envoy_cluster_manager_cds_');
      case 'listener':
        return new SubscriptionStats('listener_manager.lds.', 'envoy_listener_manager_lds_');
      case 'route': {
        const manager = referrers.routePrefix(name);
        return new SubscriptionStats(`http.${manager}.rds.${name}.`, 'envoy_http_rds_', {
          envoy_http_conn_manager_prefix: manager,
          envoy_rds_route_config: name,
        });
      }
      case 'secret': {
        const stats = new SubscriptionStats(`sds.${name}.`, 'envoy_sds_', { envoy_xds_resource_name: name });
        stats.keyRotationFailed = 0;
        return stats;
      }
      case 'extensionConfig': {
        const kind = `${referrers.filterLayer(name)}_filter`;
        return new SubscriptionStats(
          `extension_config_discovery.${kind}.${name}.`,
          `envoy_extension_config_discovery_${kind}_`,
          { envoy_xds_resource_name: name },
        );
      }
      case 'runtime':
        return new SubscriptionStats('runtime.', 'envoy_runtime_');
      default:
        return undefined;
    }
  }

  /** As Envoy has it, what is counted of endpoints is among the statistics of their clusters. */
  function ofClusters([first, ...others]: readonly string[]): SubscriptionStats | undefined {
    if (first === undefined) return undefined;
    const { prefix, prometheusPrefix, labels } = clusterStatPlace(first);
    const stats = new SubscriptionStats(prefix, prometheusPrefix, labels);
    if (others.length > 0)
      stats.others = others.map((name) => ({
        ...clusterStatPlace(name),
        visit: (visitor) => stats.visit(visitor),
        resetCounters: () => {},
      }));
    return stats;
  }

  function start(
    type: ResourceType,
    name: string,
    owners?: ReadonlyMap<string, readonly string[]>,
  ): SubscriptionStats | undefined {
    // All layers of the runtime are counted together.
    const [shared] = type === 'runtime' ? (named.get(type)?.values() ?? []) : [];
    if (shared !== undefined) {
      shared.attempt++;
      return shared;
    }
    const stats = owners === undefined ? create(type, name) : ofClusters(owners.get(name) ?? []);
    if (stats === undefined) return undefined;
    stats.attempt++;
    shelf.add(stats);
    for (const other of stats.others ?? []) shelf.add(other);
    return stats;
  }

  function note(stats: SubscriptionStats, ok: boolean, version: string, atMs: number): void {
    if (ok) {
      stats.success++;
      stats.updatedAtMs = atMs;
      stats.versionText = version;
    } else stats.rejected++;
    stats.attempt++;
  }

  function of(type: ResourceType, names?: ReadonlySet<string>): readonly SubscriptionStats[] {
    const known = named.get(type) ?? new Map<string, SubscriptionStats>();
    const chosen =
      names === undefined ? [...known.values()] : [...names].flatMap((name) => known.get(name) ?? []);
    const all = whole.get(type);
    return all === undefined ? chosen : [all, ...chosen];
  }

  return {
    subscribed(type, names) {
      if (names !== undefined && resourceTypeFacts[type].wildcard) return;
      if (names === undefined) {
        const stats = start(type, '');
        if (stats !== undefined) whole.set(type, stats);
        return;
      }
      const known = named.get(type) ?? new Map<string, SubscriptionStats>();
      named.set(type, known);
      for (const [name, stats] of known) {
        if (names.has(name)) continue;
        shelf.remove(stats);
        for (const other of stats.others ?? []) shelf.remove(other);
        known.delete(name);
      }
      const owners = type === 'endpoint' ? referrers.endpointOwners() : undefined;
      for (const name of names.keys()) {
        const stats = known.has(name) ? undefined : start(type, name, owners);
        if (stats !== undefined) known.set(name, stats);
      }
    },
    taken(update, refused, atMs) {
      if (update.origin === 'kept') return;
      const all = whole.get(update.type);
      if (all !== undefined) note(all, refused.size === 0, update.version, atMs);
      const known = named.get(update.type);
      for (const { name, version } of update.changed) {
        const stats = known?.get(name);
        if (stats !== undefined) note(stats, !refused.has(name), version, atMs);
      }
    },
    failed(types, names) {
      for (const type of types) {
        for (const stats of of(type, names)) {
          stats.failure++;
          stats.attempt++;
        }
      }
    },
    refused(type, names) {
      for (const stats of of(type, names)) {
        stats.rejected++;
        stats.attempt++;
      }
    },
    fetchTimedOut(type, name) {
      const stats = name === undefined ? whole.get(type) : named.get(type)?.get(name);
      if (stats !== undefined) stats.fetchTimeout++;
    },
    rotationFailed(secret) {
      const stats = named.get('secret')?.get(secret);
      if (stats !== undefined) stats.keyRotationFailed = (stats.keyRotationFailed ?? 0) + 1;
    },
    ads,
    servedBy(type, names, controlPlane) {
      for (const stats of of(type, names)) stats.controlPlane = controlPlane;
    },
  };
}
