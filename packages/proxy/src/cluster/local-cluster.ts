import { localityKey } from '../decide/zone-routing.ts';
import type { Locality } from '../model/endpoint.ts';
import type { Host } from './host.ts';

/** Hosts of one locality. */
interface LocalZone {
  readonly locality: string;
  readonly healthy: number;
  readonly total: number;
}

/**
 * The cluster that this proxy itself is part of (`local_cluster_name`): from where, and from how many
 * proxies, the requests of all of them come.
 */
export class LocalCluster {
  readonly name: string;
  /** Where this proxy is. */
  readonly locality: string;
  #zones: readonly LocalZone[] = [];
  /** To be called when its hosts, or their health, have changed. */
  onChange: () => void = () => {};

  constructor(name: string, locality: Locality) {
    this.name = name;
    this.locality = localityKey(locality);
  }

  get zones(): readonly LocalZone[] {
    return this.#zones;
  }

  /** Takes the hosts of its first priority as they now are. */
  setHosts(hosts: Iterable<Host>): void {
    const zones = new Map<string, { locality: string; healthy: number; total: number }>();
    for (const host of hosts) {
      if (host.priority !== 0) continue;
      const locality = localityKey(host.locality);
      let zone = zones.get(locality);
      if (zone === undefined) zones.set(locality, (zone = { locality, healthy: 0, total: 0 }));
      zone.total++;
      if (host.healthy) zone.healthy++;
    }
    const list = [...zones.values()];
    if (JSON.stringify(list) === JSON.stringify(this.#zones)) return;
    this.#zones = list;
    this.onChange();
  }

  /** True where so few are healthy that their number says nothing. */
  isInPanic(thresholdPercent: number): boolean {
    let healthy = 0;
    let total = 0;
    for (const zone of this.#zones) {
      healthy += zone.healthy;
      total += zone.total;
    }
    return (total === 0 ? 0 : (100 * healthy) / total) < Math.min(100, thresholdPercent);
  }
}
