import type { Cluster } from '../model/cluster.ts';
import type { ThreadShare } from '../workers/thread-share.ts';
import type { Host } from './host.ts';
import { OwnHostMonitor, SharedHostMonitor } from './outlier/host-monitor.ts';

/** Bits of a host's first cell; the cells of its monitor come after it. */
const passed = 1;
const ejected = 2;
const degraded = 4;

/**
 * How the hosts of a cluster are, for all threads of a process.
 *
 * The first thread checks and ejects, as Envoy's main thread does, and writes what it has found into shared memory; the
 * others read it there when they are told that something has changed, and when they come to a host.
 */
export class SharedHosts {
  readonly #cluster: string;
  readonly #share: ThreadShare;
  readonly #checked: boolean;
  readonly #watched: boolean;
  /** There is one host, at whatever address a thread has resolved its name to. */
  readonly #logical: boolean;

  constructor({ name, healthChecks, outlierDetection, discovery }: Cluster, share: ThreadShare) {
    this.#cluster = name;
    this.#share = share;
    this.#checked = healthChecks.length > 0;
    this.#watched = outlierDetection !== undefined;
    this.#logical = discovery.kind === 'logical_dns';
  }

  /** The host that another thread knows by this key. */
  find(hosts: ReadonlyMap<string, Host>, key: string): Host | undefined {
    return this.#logical ? [...hosts.values()][0] : hosts.get(key);
  }

  /** Lets the threads know of a host together from now on; does nothing the second time. */
  add(host: Host): void {
    const { cells, leads } = this.#share;
    host.cells ??= cells.acquire(`host ${this.#cluster} ${this.#logical ? '' : host.key}`);
    if (host.cells === undefined) {
      // Nothing will be heard of it.
      if (!leads) host.failedHealthCheck = false;
      return;
    }
    if (this.#watched && !(host.monitor instanceof SharedHostMonitor))
      host.monitor = new SharedHostMonitor(cells.cells, host.cells + 1);
    if (!leads) this.#read(host);
  }

  /** The host has left the cluster. */
  remove(host: Host): void {
    if (host.cells === undefined) return;
    this.#share.cells.release(host.cells);
    host.cells = undefined;
    // What its last requests come to is of no use to anybody.
    if (host.monitor !== undefined) host.monitor = new OwnHostMonitor();
  }

  /** Writes down how the hosts are, and tells the others where it is new. */
  publish(hosts: Iterable<Host>): void {
    if (!this.#share.leads) return;
    const { cells } = this.#share.cells;
    let changed = false;
    for (const host of hosts) {
      if (host.cells === undefined) continue;
      const state =
        (host.failedHealthCheck ? 0 : passed) |
        (host.ejected ? ejected : 0) |
        (host.degradedByCheck ? degraded : 0);
      if (Atomics.exchange(cells, host.cells, state) !== state) changed = true;
    }
    if (changed) this.#share.hostsChanged(this.#cluster);
  }

  /** Takes over what the first thread has written down; true where that is new. */
  take(hosts: Iterable<Host>, nowMs: number): boolean {
    let changed = false;
    for (const host of hosts) {
      if (host.cells === undefined || !this.#read(host)) continue;
      changed = true;
      if (host.healthy) host.availableSinceMs = nowMs;
    }
    return changed;
  }

  #read(host: Host): boolean {
    const state = Atomics.load(this.#share.cells.cells, host.cells as number);
    const failedHealthCheck = this.#checked && (state & passed) === 0;
    const isEjected = (state & ejected) !== 0;
    const isDegraded = (state & degraded) !== 0;
    if (
      host.failedHealthCheck === failedHealthCheck &&
      host.ejected === isEjected &&
      host.degradedByCheck === isDegraded
    )
      return false;
    host.degradedByCheck = isDegraded;
    host.failedHealthCheck = failedHealthCheck;
    host.ejected = isEjected;
    return true;
  }
}

/** What is shared of a cluster's hosts; undefined where nothing is found out about them. */
export function sharedHostsOf(model: Cluster, share: ThreadShare | undefined): SharedHosts | undefined {
  const { healthChecks, outlierDetection, discovery } = model;
  if (share === undefined || (healthChecks.length === 0 && outlierDetection === undefined)) return undefined;
  // Each thread has the hosts that its own clients have asked for.
  return discovery.kind === 'original_dst' ? undefined : new SharedHosts(model, share);
}
