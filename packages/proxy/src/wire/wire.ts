import type { ByteCounter } from './byte-counter.ts';
import type { ConnectTimes } from './connect-times.ts';
import type { TlsInfo } from './tls-info.ts';

/** What is told about a {@link Wire}. Each method is called inside a turn. */
export interface WireHandler {
  /** Bytes arrived: `buffer[start, end)`, valid, and free to be overwritten, only during the call. */
  onBytes(buffer: Buffer, start: number, end: number): void;
  /** The peer has finished sending; writing may go on. */
  onEnd(): void;
  /** What was written has left: after {@link Wire.writable} was false, it is true again. */
  onDrain(): void;
  /** The wire is gone; the last call. `error` where it did not end in an orderly way. */
  onClose(error: Error | undefined): void;
}

/** A connected byte stream, plain or TLS, with its back-pressure; knows nothing of protocols. */
export interface Wire {
  handler: WireHandler;
  /** Where its bytes are counted. */
  readonly bytes: ByteCounter;
  /** Counts its bytes here from now on: for whoever takes the wire over. */
  countInto(counter: ByteCounter): void;
  /** Counts its bytes by themselves too, from the first call on; answers with that count. */
  countAlone(): ByteCounter;
  /** Room for `bytes` in the turn's output buffer; write from the returned offset, then {@link commit} its end. */
  claim(bytes: number): number;
  /** The buffer that {@link claim} gave room in; ask again after each claim. */
  readonly output: Buffer;
  commit(end: number): void;
  /** Copies `buffer[start, end)` out; sent at the end of the turn. */
  write(buffer: Uint8Array, start: number, end: number): void;
  /** False while too much waits to be sent: stop producing until `onDrain`. */
  readonly writable: boolean;
  /** Bytes that were counted as sent, and those that leave with this turn. */
  readonly writtenBytes: number;
  /** Bytes that wait in the process for the peer to read. */
  readonly pendingBytes: number;
  /** Finishes sending, after what was written. */
  end(): void;
  /** Drops the connection and what waits; `reset` sends RST. */
  destroy(reset?: boolean): void;
  pause(): void;
  resume(): void;
  readonly closed: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Of a connection that we made. */
  readonly times: ConnectTimes | undefined;
  /** Undefined on a plain connection. */
  readonly tls: TlsInfo | undefined;
}
