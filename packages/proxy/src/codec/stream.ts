import type { ByteMeter } from './byte-meter.ts';
import type { HttpVersion, RequestHead, ResponseHead } from './head.ts';
import type { HeaderBlock } from './header-block.ts';
import type { ConnectTimes } from '../wire/connect-times.ts';
import type { TlsInfo } from '../wire/tls-info.ts';

/** Why a stream ended before its time. */
export type ResetReason =
  /** The connection was closed or broke. */
  | 'connection_closed'
  /** The peer reset this stream. */
  | 'remote_reset'
  /** The peer refused this stream before doing anything with it. */
  | 'refused'
  /** The peer does not speak the protocol. */
  | 'protocol_error'
  /** We gave it up. */
  | 'local_reset';

/** Hears what a client sends: the side of the exchange. Buffers are valid only during the call. */
export interface ServerStreamHandler {
  onRequestData(buffer: Buffer, start: number, end: number): void;
  /** The request is complete; with its trailers where it had any. */
  onRequestEnd(trailers: HeaderBlock | undefined): void;
  /** The client can take more of the response. */
  onResponseDrain(): void;
  /** What follows of the request cannot be read: it is to be answered with 400, if not begun to be; the last call. */
  onUnreadable(): void;
  /** The stream is gone before the response was complete; the last call. */
  onDownstreamReset(reason: ResetReason): void;
}

/** One request's way back to its client, in any version of HTTP. */
export interface ServerStream {
  /** Sends a head; `endStream` where there is no body. 1xx heads may come before the final one. */
  sendHead(head: ResponseHead, endStream: boolean): void;
  sendData(buffer: Uint8Array, start: number, end: number): void;
  /** Ends the response. */
  sendEnd(trailers: HeaderBlock | undefined): void;
  /** Breaks the stream off; for HTTP/1 the connection with it. */
  reset(): void;
  /** False: stop producing until `onResponseDrain`. */
  readonly writable: boolean;
  pauseRequest(): void;
  resumeRequest(): void;
  /** Counts the stream's bytes, those of the head with them, which came with `block`; to be called when the request begins. */
  measure(block: HeaderBlock): ByteMeter;
}

/** Hears what an endpoint answers: the side of an upstream attempt. */
export interface ClientStreamHandler {
  /** `endStream` where there is no body. The head belongs to the handler from now on. */
  onResponseHead(head: ResponseHead, endStream: boolean): void;
  onResponseData(buffer: Buffer, start: number, end: number): void;
  onResponseEnd(trailers: HeaderBlock | undefined): void;
  /** The endpoint can take more of the request. */
  onRequestDrain(): void;
  /** The stream is gone before the response was complete; the last call. */
  onUpstreamReset(reason: ResetReason, detail: string): void;
}

/** One request's way to an endpoint. */
export interface ClientStream {
  sendHead(head: RequestHead, endStream: boolean): void;
  sendData(buffer: Uint8Array, start: number, end: number): void;
  sendEnd(trailers: HeaderBlock | undefined): void;
  /**
   * The two bodies are the two directions of a connection. Over HTTP/2 each ends by itself; over HTTP/1 the request ends
   * with our half of the connection, and the answer with all of it.
   */
  carryConnection(): void;
  /** Gives the stream up; nothing is heard of it any more. */
  reset(): void;
  readonly writable: boolean;
  pauseResponse(): void;
  resumeResponse(): void;
  /** True where the connection had served a request before: it may have been closed by the peer unseen. */
  readonly reused: boolean;
  /** What the connection speaks; undefined where that is no HTTP. */
  readonly protocol: HttpVersion | undefined;
  /** Of the connection. */
  readonly connectionId: number;
  /** `address:port` of our end of the connection. */
  readonly localAddress: string;
  /** When the connection was made. */
  readonly times: ConnectTimes | undefined;
  /** Undefined where the connection is not secure. */
  readonly tls: TlsInfo | undefined;
  /** Counts the stream's bytes; to be called before the head is sent. */
  measure(): ByteMeter;
}
