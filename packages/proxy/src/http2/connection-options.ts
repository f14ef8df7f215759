import type { Http2FloodLimits } from '../model/network-filter.ts';
import type { KeepaliveOptions } from './keepalive.ts';
import type { HeadPool } from '../codec/head.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Turn } from '../wire/turn.ts';

/** The limits and the patience of one end of a connection. */
export interface Http2ConnectionOptions {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly maxConcurrentStreams: number;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** Take other protocols than HTTP, a WebSocket for one, in a stream (RFC 8441); servers say so in their SETTINGS. */
  readonly extendedConnect: boolean;
  /** Most bytes of the tables of both directions, at most 4096. */
  readonly tableBytes: number;
  readonly keepalive: KeepaliveOptions | undefined;
  readonly floodLimits: Http2FloodLimits | undefined;
  readonly customSettings: readonly (readonly [id: number, value: number])[];
  /** How long a connection without streams is kept; 0: for ever. */
  readonly idleTimeoutMs: number;
  /** 0: no limit. */
  readonly maxRequests: number;
}

/** What the connections of a data plane share. */
export interface Http2Context {
  readonly heads: HeadPool;
  readonly timers: CoarseTimers;
  readonly turn: Pick<Turn, 'nowMs'>;
}
