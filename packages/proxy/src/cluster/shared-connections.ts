import type { Cluster } from '../model/cluster.ts';
import type { SharedCells } from '../workers/shared-cells.ts';
import type { Host } from './host.ts';

/** How many connections a host has, over all threads of the process. */
export class SharedConnections {
  readonly #cells: SharedCells;
  readonly #at: number;

  /** `at`: the cell, acquired for this host. */
  constructor(cells: SharedCells, at: number) {
    this.#cells = cells;
    this.#at = at;
  }

  get total(): number {
    return Atomics.load(this.#cells.cells, this.#at);
  }

  count(change: number): void {
    Atomics.add(this.#cells.cells, this.#at, change);
  }

  /** Takes out what this thread has counted and not taken back, and lets go of the cell. */
  leave(counted: number): void {
    this.count(-counted);
    this.#cells.release(this.#at);
  }
}

/** Lets a new host's connections count for all threads, where its cluster limits them for each host, as Envoy's do. */
export function shareConnections(
  host: Host,
  { name, maxHostConnections, discovery }: Cluster,
  cells: SharedCells | undefined,
): void {
  if (cells === undefined || maxHostConnections === undefined) {
    host.shareConnections(undefined);
    return;
  }
  // There is one host, at whatever address a thread has resolved its name to.
  const at = cells.acquire(`connections ${name} ${discovery.kind === 'logical_dns' ? '' : host.key}`);
  host.shareConnections(at === undefined ? undefined : new SharedConnections(cells, at));
}
