import type { SharedCells } from './shared-cells.ts';

/** What the data plane of one thread has in common with those of the other threads of its process. */
export interface ThreadShare {
  readonly cells: SharedCells;
  /** True for the first thread, which binds the sockets that the others accept on. */
  readonly leads: boolean;
}
