import type { OutlierReason } from '../cluster/outlier/outlier-detector.ts';
import type { SharedCells } from './shared-cells.ts';

/** What the data plane of one thread has in common with those of the other threads of its process. */
export interface ThreadShare {
  readonly cells: SharedCells;
  /** Random bytes from which each makes the keys of its session tickets, so that any resumes the sessions of all. */
  readonly ticketSecret: Uint8Array;
  /** True for the first thread, which binds the sockets that the others accept on, checks health and ejects outliers. */
  readonly leads: boolean;
  /** Which thread this is, from 0 on, and how many there are. */
  readonly index: number;
  readonly threads: number;
  /** Lets another thread serve a connection of a listener (`DataPlane.takeConnection`) on a copy of the descriptor; false where that cannot be. */
  handOver(listener: string, thread: number, fd: number): boolean;
  /** Called by the first thread: hosts of this cluster are not as they were (`DataPlane.takeHostHealth`). */
  hostsChanged(cluster: string): void;
  /** Called by the others: a host has failed too often (`DataPlane.takeOutlier`). */
  outlierDetected(cluster: string, host: string, reason: OutlierReason): void;
}
