import type { OutlierReason } from '../model/cluster.ts';
import type { SharedFetches } from './shared-fetches.ts';
import type { SharedCells } from './shared-cells.ts';

/** Addresses of the names of a DNS cluster; undefined for those that are not known. */
export type NamedAddresses = ReadonlyMap<string, readonly string[] | undefined>;

/** How threads know names together: the first one resolves them, as Envoy's main thread does. */
export interface SharedNames {
  /** Called by the first thread: this is what it has found of a cluster's names. */
  found(cluster: string, addresses: NamedAddresses): void;
  /** Called by the others: what the first one knows is to be told (`DataPlane.takeNames`). */
  want(cluster: string): void;
}

/** What the data plane of one thread has in common with those of the other threads of its process. */
export interface ThreadShare {
  readonly cells: SharedCells;
  /** Random bytes from which each makes the keys of its session tickets, so that any resumes the sessions of all. */
  readonly ticketSecret: Uint8Array;
  /** True for the first thread, which binds the sockets that the others accept on, checks health and ejects outliers. */
  readonly leads: boolean;
  /** Undefined: each thread resolves for itself. */
  readonly names?: SharedNames;
  /** Undefined: each thread fetches for itself. */
  readonly fetches?: SharedFetches;
  /** Which thread this is, from 0 on, and how many there are. */
  readonly index: number;
  readonly threads: number;
  /** Lets another thread serve a connection of a listener (`DataPlane.takeConnection`) on a copy of the descriptor; false where that cannot be. */
  handOver(listener: string, thread: number, fd: number): boolean;
  /** Called by the others: resolves when the first thread waits for no version of this cluster (`DataPlane.whenServing`). */
  whenServing(cluster: string): Promise<void>;
  /** Called by the first thread: hosts of this cluster are not as they were (`DataPlane.takeHostHealth`). */
  hostsChanged(cluster: string): void;
  /** Called by the others: a host has failed too often (`DataPlane.takeOutlier`). */
  outlierDetected(cluster: string, host: string, reason: OutlierReason): void;
}
