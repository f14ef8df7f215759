import { getSystemErrorName } from 'node:util';

/** libuv's number for the end of a stream. */
export const endOfStream = -4095;

/** What a handle calls back; each is told of one event of the connection. */
export interface HandleOwner {
  /** More bytes are in the buffer; 0 or less: the end or an error, as libuv counts them. */
  onHandleRead(length: number): void;
  /** A write that did not leave at once has left; less than 0: an error. */
  onHandleWritten(status: number, length: number): void;
  /** Our half of the connection is closed. */
  onHandleShutdown(): void;
  /** The descriptor is closed. */
  onHandleClosed(): void;
}

/** An end of a connection; empty where it has no address, as a pipe. */
export interface HandleName {
  readonly address: string;
  readonly port: number;
}

/** Where a connection is made to. */
export type ConnectTarget = { readonly address: string; readonly port: number } | { readonly path: string };

/** When and how often the kernel asks an idle peer whether it is there; what is not set is the kernel's (tcp(7)). */
export interface KeepAlive {
  readonly afterSeconds: number;
}

/** A socket of a connection, or of one to be. Numbers less than 0 are errors of libuv. */
export interface SocketHandle {
  /** Less than 0 where it has none. */
  readonly fd: number;
  /** False: of a Unix domain socket. */
  readonly isTcp: boolean;
  /** Makes `to` hear of the socket; what it reads goes into `buffer`, which may be shared. */
  own(to: HandleOwner, buffer: Uint8Array): void;
  /** Nobody hears of the socket any more. */
  disown(): void;
  startReading(): void;
  stopReading(): void;
  /**
   * Writes `bytes[0, length)`. 0: they have left. More: so many of them, the last ones, are to stay as they are until
   * `onHandleWritten`.
   */
  write(bytes: Uint8Array, length: number): number;
  /** Closes our half after what was written; the owner hears of it, or it has happened where the answer is true. */
  shutdown(): boolean;
  /** Closes the descriptor, `reset` with RST; the owner hears of it later. */
  close(reset: boolean): void;
  /** Asks the kernel for the name of the peer's end or of our own. */
  nameOf(end: 'peer' | 'own'): HandleName;
  /** Puts our end at an address before it connects. */
  bind(address: string, port: number): number;
  /** Takes over a descriptor that is bound. */
  open(fd: number): number;
  /** Connects; `onDone` hears 0 or an error, unless the answer is one at once. */
  connect(target: ConnectTarget, onDone: (status: number) => void): number;
  setNoDelay(): void;
  setKeepAlive(rule: KeepAlive): void;
}

/** The error of a negative number of libuv. */
export function handleError(status: number, call: string): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${call} ${code}`), { code, errno: status, syscall: call });
}
