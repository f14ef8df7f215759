import type { ConnectionEnd } from '../codec/connection-end.ts';
import type { HttpVersion, RequestHead } from '../codec/head.ts';
import type { ServerStream, ServerStreamHandler } from '../codec/stream.ts';
import type { CodecFault, RefusedFault } from './codec-fault.ts';

/** Who serves the requests of a connection. */
export interface ServerConnectionOwner {
  /** A request came; returns who hears the rest of it. The head belongs to the callee. */
  onRequest(stream: ServerStream, head: RequestHead, endStream: boolean): ServerStreamHandler | undefined;
  /** A request came that is to be refused for this, without its body; the connection ends with the answer. */
  onRefused(stream: ServerStream, head: RequestHead, fault: RefusedFault): void;
  /** A request could not be read: its client was told `status`, 0 for nothing. */
  onCodecFault(fault: CodecFault, status: number, version: HttpVersion): void;
  /** True while connections are to be closed after their next response. */
  readonly draining: boolean;
  /** A connection ends because the proxy is drained. */
  onDrainClose(): void;
  /** The client did not close after us. */
  onDelayedCloseTimeout(): void;
  onConnectionClosed(end: ConnectionEnd): void;
}
