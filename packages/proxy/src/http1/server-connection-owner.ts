import type { ConnectionEnd } from '../codec/connection-end.ts';
import type { HttpVersion, RequestHead } from '../codec/head.ts';
import type { ServerStream, ServerStreamHandler } from '../codec/stream.ts';
import type { CodecFault, RefusedFault } from './codec-fault.ts';

/** Who serves the requests of a connection. */
export interface ServerConnectionOwner {
  /** A request came; returns who hears the rest of it. The head belongs to the callee. */
  onRequest(stream: ServerStream, head: RequestHead, endStream: boolean): ServerStreamHandler | undefined;
  /**
   * A request is to be refused for this, without its body; the connection ends with the answer. Of one that could not be
   * read nothing but the version is in the head.
   */
  onRefused(stream: ServerStream, head: RequestHead, fault: RefusedFault): void;
  /** A request could not be read, and its client is told nothing. */
  onUnread(fault: CodecFault, version: HttpVersion): void;
  /** True while connections are to be closed after their next response. */
  readonly draining: boolean;
  /** A connection ends because the proxy is drained. */
  onDrainClose(): void;
  /** The client did not close after us. */
  onDelayedCloseTimeout(): void;
  onConnectionClosed(end: ConnectionEnd): void;
}
