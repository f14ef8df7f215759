import { formatProblem } from '@lateen/core';
import { virtualHostDecoder } from '../decode/resource.ts';
import {
  heldVirtualHost,
  type ConfigSource,
  type RouteConfiguration,
  type VirtualHostSource,
} from '../model/index.ts';
import type { OnDemand } from '../on-demand/on-demand.ts';
import { RouteCheck } from '../route/route-check.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ResourceUpdate } from './subscription.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface OnDemandFeedOptions {
  readonly onDemand: OnDemand;
  readonly subscriptions: Pick<Subscriptions, 'want'>;
  /** Puts tables in force whose virtual hosts have changed. */
  readonly putRoutes: (tables: readonly RouteConfiguration[]) => Promise<unknown>;
  readonly runtime: Runtime;
}

/** What is fetched when somebody needs it: clusters (on-demand CDS) and virtual hosts (VHDS). */
export interface OnDemandFeed {
  /** The table with the virtual hosts that came by VHDS; `source` is where they come from, undefined for ADS. */
  complete(table: RouteConfiguration, source: ConfigSource | undefined): RouteConfiguration;
  /** Forgets tables that are gone. */
  keepOnly(tables: { has(name: string): boolean }): void;
  /** Takes virtual hosts; answers what is refused, and why. */
  takeHosts(update: ResourceUpdate): Promise<ReadonlyMap<string, string>>;
  /** Clusters have come; it may be a while until they are in force. */
  clustersCame(names: readonly string[]): void;
  /** Clusters are said not to exist. */
  clustersMissing(names: readonly string[]): void;
}

interface Table {
  base: RouteConfiguration;
  source: ConfigSource | undefined;
  /** By the names of the resources. */
  readonly hosts: Map<string, VirtualHostSource>;
  /** Hosts that were asked for, as `TABLE/HOST`. */
  readonly asked: Set<string>;
  /** The last of those that are asked for no more, since no answer came: a late one may be on its way. */
  readonly givenUp: Set<string>;
}

/** Clients name hosts and clusters: no more are remembered of those that nobody answers for. */
const maxGivenUp = 1_000;

function forgetOldest(givenUp: Pick<Set<string>, 'size' | 'keys' | 'delete'>): void {
  for (const oldest of givenUp.keys()) if (givenUp.size > maxGivenUp) givenUp.delete(oldest);
}

/** Lets the data plane ask for clusters and virtual hosts. */
export function onDemandFeed(options: OnDemandFeedOptions): OnDemandFeed {
  const { onDemand, subscriptions } = options;
  /** Those that were asked for. */
  const clusters = new Map<string, ConfigSource>();
  /** Those of them that are here, in force or warming. */
  const clustersHere = new Set<string>();
  /** As {@link Table.givenUp}. */
  const clustersGivenUp = new Map<string, ConfigSource>();
  const tables = new Map<string, Table>();

  function wantHosts(): void {
    const names = new Map<string, ConfigSource | undefined>();
    for (const [name, { source, asked }] of tables) {
      // The name of the table alone stands for hosts that the server sends without being asked.
      names.set(name, source);
      for (const one of asked) names.set(one, source);
    }
    subscriptions.want('virtualHost', names);
  }

  onDemand.seeker = {
    cluster(name, source) {
      if (clusters.has(name)) return;
      clusters.set(name, source);
      clustersGivenUp.delete(name);
      subscriptions.want('cluster', clusters);
    },
    giveClusterUp(name) {
      const source = clusters.get(name);
      if (source === undefined || clustersHere.has(name)) return;
      clusters.delete(name);
      clustersGivenUp.set(name, source);
      forgetOldest(clustersGivenUp);
      subscriptions.want('cluster', clusters);
    },
    virtualHost(table, host) {
      const known = tables.get(table);
      if (known === undefined || known.asked.has(`${table}/${host}`)) return;
      known.asked.add(`${table}/${host}`);
      known.givenUp.delete(`${table}/${host}`);
      wantHosts();
    },
    giveHostUp(name) {
      const known = tables.get(tableOf(name));
      if (known === undefined || !known.asked.delete(name)) return;
      known.givenUp.add(name);
      forgetOldest(known.givenUp);
      wantHosts();
    },
  };

  const whole = ({ base, hosts }: Table): RouteConfiguration => ({
    ...base,
    virtualHosts: [...base.virtualHosts, ...hosts.values()],
  });

  return {
    complete(base, source) {
      if (base.onDemandHosts !== true) {
        if (tables.delete(base.name)) wantHosts();
        return base;
      }
      const known = tables.get(base.name);
      if (known === undefined) {
        tables.set(base.name, { base, source, hosts: new Map(), asked: new Set(), givenUp: new Set() });
        wantHosts();
        return base;
      }
      known.base = base;
      known.source = source;
      return whole(known);
    },
    keepOnly(names) {
      let gone = false;
      for (const name of tables.keys()) if (!names.has(name)) gone = tables.delete(name) || gone;
      if (gone) wantHosts();
    },
    async takeHosts({ changed, removed }) {
      const refused = new Map<string, string>();
      const touched = new Set<Table>();
      const came: string[] = [];
      let late = false;
      for (const { name, bytes, aliases = [] } of changed) {
        const table = tables.get(tableOf(name));
        const decoded = virtualHostDecoder.fromBytes(bytes, undefined, options.runtime);
        if (table === undefined) {
          refused.set(name, 'there is no route configuration with this name and vhds');
          continue;
        }
        const problems = decoded.ok
          ? new RouteCheck(table.base).whole(decoded.value.model)
          : decoded.problems;
        if (decoded.ok && problems.length === 0) {
          table.hosts.set(name, heldVirtualHost(decoded.value.model));
          touched.add(table);
          came.push(name, ...aliases);
          // What is held is asked for: only so does one hear of its changes.
          for (const one of [name, ...aliases]) {
            if (!table.givenUp.delete(one)) continue;
            table.asked.add(one);
            late = true;
          }
        } else refused.set(name, problems.map(formatProblem).join('; '));
      }
      for (const name of removed) {
        const table = tables.get(tableOf(name));
        if (table === undefined) continue;
        if (table.hosts.delete(name)) touched.add(table);
        // Who needs it later asks once more.
        if (table.asked.delete(name)) wantHosts();
      }
      if (late) wantHosts();
      if (touched.size > 0) await options.putRoutes([...touched].map(whole));
      for (const name of came) onDemand.settleHost(name, 'available');
      for (const name of removed) onDemand.settleHost(name, 'missing');
      return refused;
    },
    clustersCame(names) {
      if (clusters.size === 0 && clustersGivenUp.size === 0) return;
      let late = false;
      for (const name of names) {
        const source = clustersGivenUp.get(name);
        if (source !== undefined) {
          // What is held is asked for, as of hosts.
          clustersGivenUp.delete(name);
          clusters.set(name, source);
          late = true;
        }
        if (clusters.has(name)) clustersHere.add(name);
      }
      if (late) subscriptions.want('cluster', clusters);
    },
    clustersMissing(names) {
      let changed = false;
      for (const name of names) {
        clustersHere.delete(name);
        changed = clusters.delete(name) || changed;
        onDemand.settleCluster(name, 'missing');
      }
      if (changed) subscriptions.want('cluster', clusters);
    },
  };
}

/** Names are `TABLE/HOST`; a host has no slash. */
function tableOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}
