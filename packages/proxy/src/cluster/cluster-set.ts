import { isDeepStrictEqual } from 'node:util';
import { systemClock, type Clock, type Logger, type Timer } from '@lateen/core';
import type { ResourceChange } from '../model/change.ts';
import type { Cluster, Discovery } from '../model/cluster.ts';
import type { ClusterStatus } from '../model/status.ts';
import type { ClusterLoadAssignment } from '../model/endpoint.ts';
import { awaitsNames } from '../decide/awaited-hosts.ts';
import { endpointNameOf } from '../model/references.ts';
import type { StatsRegistry } from '../telemetry/stats-registry.ts';
import type { NamedAddresses } from '../workers/thread-share.ts';
import { DnsRefresh } from './dns-refresh.ts';
import { FollowedNames } from './followed-names.ts';
import { systemResolver } from './name-resolver.ts';
import { RedisDiscovery } from './redis-discovery.ts';
import { serverResolver } from './server-resolver.ts';
import { clusterKeysOf } from './runtime-limits.ts';
import type { ClusterContext } from './cluster-context.ts';
import { UpstreamCluster } from './upstream-cluster.ts';

/** A cluster by its name: what routes hold, so that a request needs no look-up. */
export interface ClusterRef {
  readonly name: string;
  /** Undefined while no cluster of the name is known. */
  cluster: UpstreamCluster | undefined;
}

/** A cluster with who tells it of its hosts where those have to be asked for. */
interface Version {
  readonly cluster: UpstreamCluster;
  readonly resolving: DnsRefresh | FollowedNames | RedisDiscovery | undefined;
}

/** A version that does not serve yet. */
interface ComingVersion extends Version {
  /** Resolves when it serves, or will never do. */
  readonly over: PromiseWithResolvers<void>;
}

/** All clusters of a data plane, with their endpoints. */
export class ClusterSet {
  readonly #context: ClusterContext;
  readonly #stats: StatsRegistry;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #refs = new Map<string, ClusterRef>();
  readonly #assignments = new Map<string, ClusterLoadAssignment>();
  /** The ends of assignments that are not to be used for longer (`endpoint_stale_after`). */
  readonly #stale = new Map<string, Timer>();
  readonly #resolving = new Map<string, NonNullable<Version['resolving']>>();
  readonly #coming = new Map<string, ComingVersion>();
  readonly #resolve = systemResolver();

  constructor(context: ClusterContext, stats: StatsRegistry, logger: Logger, clock: Clock = systemClock) {
    this.#context = context;
    this.#stats = stats;
    this.#logger = logger;
    this.#clock = clock;
    const { runtime } = context;
    const { localCluster } = context;
    if (localCluster !== undefined) {
      localCluster.onChange = () => {
        for (const { name, cluster } of this.#refs.values())
          if (name !== localCluster.name) cluster?.onLocalClusterChange();
      };
    }
    let keys = clusterKeysOf(runtime);
    runtime.onChange(() => {
      const before = keys;
      keys = clusterKeysOf(runtime);
      if (keys === before) return;
      for (const { cluster } of this.#refs.values()) cluster?.applyRuntime();
    });
  }

  /** The reference of a name; the same one at each call. */
  ref(name: string): ClusterRef {
    let ref = this.#refs.get(name);
    if (ref === undefined) {
      ref = { name, cluster: undefined };
      this.#refs.set(name, ref);
    }
    return ref;
  }

  /**
   * The reference of a name that a client says, for one request: nothing is kept of names that nobody else has, of which
   * clients may say as many as they like.
   */
  requestedRef(name: string): ClusterRef {
    return this.#refs.get(name) ?? { name, cluster: undefined };
  }

  update(
    clusters: ResourceChange<Cluster> | undefined,
    endpoints: ResourceChange<ClusterLoadAssignment> | undefined,
  ): void {
    for (const name of endpoints?.remove ?? []) {
      this.#assignments.delete(name);
      this.#limitLife(name, undefined);
    }
    const changed = new Set<string>();
    for (const assignment of endpoints?.set ?? []) {
      this.#assignments.set(assignment.name, assignment);
      this.#limitLife(assignment.name, assignment);
      changed.add(assignment.name);
    }
    const fresh = new Set<string>();
    for (const model of clusters?.set ?? []) {
      this.#setCluster(model);
      fresh.add(model.name);
    }
    for (const name of clusters?.remove ?? []) this.#removeCluster(name);
    if (changed.size === 0) return;
    for (const cluster of this.#versions()) {
      const wanted = endpointNameOf(cluster.model);
      const assignment =
        wanted !== undefined && changed.has(wanted) ? this.#assignments.get(wanted) : undefined;
      if (assignment === undefined) continue;
      if (assignment.endpointStaleAfterMs !== undefined) cluster.stats.n.assignmentTimeoutReceived++;
      // A new cluster has taken them already.
      if (!fresh.has(cluster.name)) cluster.setEndpoints(assignment);
    }
  }

  /**
   * Begins to find out who the hosts of a new version are, and how; what is in force serves until the version is put
   * there. Resolves when that may be done; undefined: at once.
   */
  prepare(model: Cluster): Promise<void> | undefined {
    const { name } = model;
    this.#forgetComing(name);
    const previous = this.#refs.get(name)?.cluster;
    const cluster = new UpstreamCluster(model, this.#context, previous);
    if (previous?.stats !== cluster.stats) this.#stats.add(cluster.stats);
    const version = { cluster, resolving: this.#findHosts(cluster), over: Promise.withResolvers<void>() };
    this.#coming.set(name, version);
    const { share } = this.#context;
    if (share?.leads === false) return share.whenServing(name);
    const asked = awaitsNames(model.discovery) ? version.resolving?.asked : undefined;
    return asked === undefined ? cluster.whenChecked() : asked.then(() => cluster.whenChecked());
  }

  /** Resolves when no version of the cluster is waited for. */
  async whenServing(name: string): Promise<void> {
    for (let coming = this.#coming.get(name); coming !== undefined; coming = this.#coming.get(name))
      await coming.over.promise;
  }

  /** In force or coming. */
  *#versions(): Generator<UpstreamCluster> {
    for (const { cluster } of this.#refs.values()) if (cluster !== undefined) yield cluster;
    for (const { cluster } of this.#coming.values()) yield cluster;
  }

  /** A cluster that is there; undefined where none is. */
  find(name: string): UpstreamCluster | undefined {
    return this.#refs.get(name)?.cluster;
  }

  /** As they are configured. */
  *models(): Generator<Cluster> {
    for (const { cluster } of this.#refs.values()) if (cluster !== undefined) yield cluster.model;
  }

  status(): ClusterStatus[] {
    const list: ClusterStatus[] = [];
    for (const { cluster } of this.#refs.values()) if (cluster !== undefined) list.push(cluster.status());
    return list;
  }

  close(): void {
    for (const timer of this.#stale.values()) timer.cancel();
    this.#stale.clear();
    for (const name of this.#coming.keys()) this.#forgetComing(name);
    for (const refresh of this.#resolving.values()) refresh.close();
    this.#resolving.clear();
    for (const ref of this.#refs.values()) {
      ref.cluster?.close();
      ref.cluster = undefined;
    }
  }

  /** Endpoints that are not sent again in time are not used any more. */
  #limitLife(name: string, assignment: ClusterLoadAssignment | undefined): void {
    this.#stale.get(name)?.cancel();
    this.#stale.delete(name);
    if (assignment?.endpointStaleAfterMs === undefined) return;
    const { endpointStaleAfterMs: _, ...rest } = assignment;
    const expire = (): void => {
      this.#stale.delete(name);
      const empty = { ...rest, localities: [] };
      this.#assignments.set(name, empty);
      for (const cluster of this.#versions()) {
        if (endpointNameOf(cluster.model) !== name) continue;
        cluster.stats.n.assignmentStale++;
        cluster.setEndpoints(empty);
      }
    };
    this.#stale.set(name, this.#clock.after(assignment.endpointStaleAfterMs, expire));
  }

  #setCluster(model: Cluster): void {
    const { name } = model;
    const ref = this.ref(name);
    const previous = ref.cluster;
    const coming = this.#coming.get(name);
    const isComing = coming?.cluster.model === model;
    const cluster = isComing ? coming.cluster : new UpstreamCluster(model, this.#context, previous);
    if (isComing) this.#coming.delete(name);
    else {
      this.#forgetComing(name);
      if (previous?.stats !== cluster.stats) this.#stats.add(cluster.stats);
    }
    cluster.serve(previous);
    const resolving = isComing ? coming.resolving : this.#findHosts(cluster);
    ref.cluster = cluster;
    // It has another name for its statistics now.
    if (previous !== undefined && previous.stats !== cluster.stats) this.#stats.remove(previous.stats);
    previous?.drain();
    this.#stopResolving(name);
    if (resolving !== undefined) this.#resolving.set(name, resolving);
    const addresses = this.namesOf(name);
    if (addresses !== undefined) this.#context.share?.names?.found(name, addresses);
    coming?.over.resolve();
  }

  /** Gives a cluster the endpoints that are known, and asks for those that are not. */
  #findHosts(cluster: UpstreamCluster): Version['resolving'] {
    const { model } = cluster;
    const { discovery } = model;
    if (discovery.kind === 'eds') {
      const assignment = this.#assignments.get(endpointNameOf(model) ?? model.name);
      if (assignment !== undefined) cluster.setEndpoints(assignment);
    } else if (discovery.kind === 'redis') {
      const nodes = new RedisDiscovery(model, discovery, {
        clock: this.#clock,
        logger: this.#logger,
        random: this.#context.random,
        connector: cluster.connector,
        stats: cluster.stats,
        onSlots: (slots, assignment) => cluster.setSlots(slots, assignment),
      });
      cluster.onRedirection = () => nodes.noteRedirection();
      return nodes;
    } else if (model.loadAssignment !== undefined) {
      if (discovery.kind === 'strict_dns' || discovery.kind === 'logical_dns') {
        const known = this.#addressesUnder(model.name, discovery);
        return this.#watchNames(cluster, discovery, model.loadAssignment, known);
      }
      cluster.setEndpoints(model.loadAssignment);
    }
    return undefined;
  }

  #watchNames(
    cluster: UpstreamCluster,
    discovery: Extract<Discovery, { kind: 'strict_dns' | 'logical_dns' }>,
    assignment: ClusterLoadAssignment,
    known: NamedAddresses | undefined,
  ): DnsRefresh | FollowedNames {
    const { model, stats } = cluster;
    const { share, random } = this.#context;
    const names = share?.names;
    if (share?.leads === false && names !== undefined) {
      const followed = new FollowedNames(assignment, known, (endpoints) => cluster.setEndpoints(endpoints));
      names.want(model.name);
      return followed;
    }
    const { nameServers = [] } = discovery;
    const isInForce = (): boolean => this.#refs.get(model.name)?.cluster === cluster;
    return new DnsRefresh(model, discovery, assignment, {
      clock: this.#clock,
      logger: this.#logger,
      random,
      resolve: nameServers.length === 0 ? this.#resolve : serverResolver(nameServers),
      stats,
      known,
      onEndpoints(endpoints, addresses) {
        cluster.setEndpoints(endpoints);
        if (isInForce()) names?.found(model.name, addresses);
      },
    });
  }

  /** What is known of the names of a DNS cluster; undefined for every other one. */
  namesOf(cluster: string): NamedAddresses | undefined {
    const refresh = this.#resolving.get(cluster) ?? this.#coming.get(cluster)?.resolving;
    return refresh instanceof RedisDiscovery ? undefined : refresh?.addresses;
  }

  /** The first thread has found these. */
  takeNames(cluster: string, addresses: NamedAddresses): void {
    for (const followed of [this.#resolving.get(cluster), this.#coming.get(cluster)?.resolving])
      if (followed instanceof FollowedNames) followed.take(addresses);
  }

  /** What is known of a cluster's names, where these rules are those by which it was found. */
  #addressesUnder(name: string, discovery: Discovery): NamedAddresses | undefined {
    const before = this.#refs.get(name)?.cluster?.model.discovery;
    return isDeepStrictEqual(before, discovery) ? this.namesOf(name) : undefined;
  }

  /** A version is not to come any more. */
  #forgetComing(name: string): void {
    const coming = this.#coming.get(name);
    if (coming === undefined) return;
    this.#coming.delete(name);
    coming.resolving?.close();
    coming.cluster.close();
    const { stats } = coming.cluster;
    if (this.#refs.get(name)?.cluster?.stats !== stats) this.#stats.remove(stats);
    coming.over.resolve();
  }

  #removeCluster(name: string): void {
    this.#forgetComing(name);
    const ref = this.#refs.get(name);
    if (ref?.cluster === undefined) return;
    this.#stopResolving(name);
    this.#stats.remove(ref.cluster.stats);
    ref.cluster.drain();
    ref.cluster = undefined;
    const { localCluster } = this.#context;
    if (localCluster?.name === name) localCluster.setHosts([]);
  }

  #stopResolving(name: string): void {
    this.#resolving.get(name)?.close();
    this.#resolving.delete(name);
  }
}
