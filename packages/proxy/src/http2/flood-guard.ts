import type { Http2FloodLimits } from '../model/network-filter.ts';
import { FloodBudget } from './flood-budget.ts';

/** Bytes that may wait for a peer which does not read, while it makes us answer. */
const maxPendingControlBytes = 256 * 1024;
/** Bytes of a frame that answers a PING, the longest of those. */
const controlFrameBytes = 17;

/** What a peer may send of the frames that cost it nothing, over the life of one connection. */
export class FloodGuard {
  readonly settings = new FloodBudget(100, 1);
  readonly ping = new FloodBudget(200, 20);
  readonly priority: FloodBudget;
  readonly windowUpdate = new FloodBudget(2_000, 1_000);
  /** DATA that brings nothing and ends nothing. */
  readonly empty: FloodBudget;
  /** Window updates that may come for a frame of DATA that we send. */
  readonly windowUpdatesPerData: number;
  readonly maxPendingControlBytes: number;

  constructor(limits: Http2FloodLimits = {}) {
    const { outboundControlFrames, emptyFrames, priorityFrames, windowUpdatesPerData } = limits;
    this.priority =
      priorityFrames === undefined ? new FloodBudget(1_000, 100) : new FloodBudget(priorityFrames, 0);
    this.empty = emptyFrames === undefined ? new FloodBudget(200, 20) : new FloodBudget(emptyFrames, 0);
    this.windowUpdatesPerData = windowUpdatesPerData ?? 10;
    this.maxPendingControlBytes =
      outboundControlFrames === undefined
        ? maxPendingControlBytes
        : outboundControlFrames * controlFrameBytes;
  }
}
