import type { HttpVersion } from '../../codec/head.ts';
import type { ClientStream, ClientStreamHandler } from '../../codec/stream.ts';

/** Why a pool could not give a stream. */
export type PoolFailure =
  /** Too many requests are under way. */
  | 'overflow'
  /** Too many wait already, or there are too many connections: the host was not asked for. */
  | 'pending_overflow'
  | 'connection_failure'
  | 'connect_timeout';

/** Someone who waits for a connection, and then hears what comes on it. */
export interface StreamWaiter extends ClientStreamHandler {
  /** The version by which the request came. */
  readonly requestVersion: HttpVersion;
  /** Called at once where a connection is at hand. */
  onStreamReady(stream: ClientStream): void;
  onPoolFailure(failure: PoolFailure, detail: string): void;
}

/** Connections to one host, in any version of HTTP. */
export interface HttpPool {
  /** Gives the waiter a stream, now or later; tells it where that cannot be. `fresh`: on a connection that carried nothing yet. */
  acquire(waiter: StreamWaiter, priority: 'default' | 'high', fresh: boolean): void;
  /** The waiter wants no stream any more; only while it waits. */
  cancel(waiter: StreamWaiter): void;
  /** True where it has neither connections nor waiters. */
  readonly empty: boolean;
  /** Closes idle connections now, the others after what they carry; further requests go on new ones. */
  renew(): void;
  /** The same, and takes no further request. */
  drain(): void;
  close(): void;
}
