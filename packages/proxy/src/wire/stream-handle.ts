import process from 'node:process';
import { getSystemErrorName } from 'node:util';
import { LateenError } from '@lateen/core';
import { SocketPoll, type PolledSocket, type SocketReader, type Waker } from './socket-poll.ts';

/** What a handle calls back; each is told of one event of the connection. */
export interface HandleOwner extends SocketReader {
  /** A write that did not leave at once has left; less than 0: an error. */
  onHandleWritten(status: number, length: number): void;
  /** Our half of the connection is closed. */
  onHandleShutdown(): void;
  /** The descriptor is closed. */
  onHandleClosed(): void;
}

/** Where a handle, or a request on it, finds who hears of it. */
const owner = Symbol('owner');
/** What it reads goes here. */
const readBuffer = Symbol('readBuffer');
/** The socket of a write that waits. */
const writtenTo = Symbol('writtenTo');
/** How it is read; not yet: undefined. */
const readBy = Symbol('readBy');

interface PendingWrite {
  oncomplete: (this: PendingWrite, status: number) => void;
  /** Keeps the bytes while the kernel has not taken them. */
  buffer: Uint8Array;
  /** The end, where it came before somebody could be told. */
  writeStatus: number | null;
  [owner]: HandleOwner;
  [writtenTo]?: PolledSocket;
}

interface SocketName {
  address?: string;
  port?: number;
}

/** An end of a connection; empty where it has no address, as a pipe. */
export interface HandleName {
  readonly address: string;
  readonly port: number;
}

/** The part of Node's native stream handles that wires use. */
export interface StreamHandle {
  [owner]?: HandleOwner | undefined;
  [readBuffer]?: Uint8Array;
  [readBy]?: PolledSocket | 'libuv' | undefined;
  readonly fd: number;
  onread: (this: StreamHandle) => void;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  /** 0: the bytes have left. Less: an error. Else the write goes on, and the bytes must stay as they are. */
  writeBuffer(request: null, bytes: Uint8Array): number | PendingWrite;
  shutdown(request: object): number;
  close(done: (this: StreamHandle) => void): void;
  ref(): void;
  unref(): void;
  /** Missing on pipes. */
  getpeername?(out: SocketName): number;
  getsockname?(out: SocketName): number;
}

/** The handle of a TCP connection; of a pipe, where the optional ones are missing. */
export interface TransportHandle extends StreamHandle {
  reset?(done: (this: StreamHandle) => void): number;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, afterSeconds: number): number;
  /** Takes a descriptor over. */
  open?(fd: number): number;
  bind?(address: string, port: number): number;
  bind6?(address: string, port: number, flags: number): number;
  connect(request: object, addressOrPath: string, port?: number): number;
  connect6?(request: object, address: string, port: number): number;
}

type Maker<T> = new (kind?: number) => T;

interface Bindings {
  readonly stream: {
    readonly ShutdownWrap: Maker<{ oncomplete: () => void; [owner]?: HandleOwner }>;
    readonly streamBaseState: Int32Array;
    readonly kReadBytesOrError: number;
    readonly kLastWriteErr: number;
  };
  readonly tcp: {
    readonly TCP: Maker<TransportHandle>;
    readonly TCPConnectWrap: Maker<ConnectRequest>;
    readonly constants: { readonly SOCKET: number };
  };
  readonly pipe: {
    readonly Pipe: Maker<TransportHandle>;
    readonly PipeConnectWrap: Maker<ConnectRequest>;
    readonly constants: { readonly SOCKET: number };
  };
}

/** A connection that is being made. */
export interface ConnectRequest {
  oncomplete: (this: ConnectRequest, status: number) => void;
}

const { stream, tcp, pipe } = loadBindings();
const state = stream.streamBaseState;
const readAt = stream.kReadBytesOrError;
const writeErrorAt = stream.kLastWriteErr;

/**
 * Node's handles, below `node:net`: a socket of `net` is a stream with buffers, events and options of its own, and
 * making two of them is most of what a new connection costs (docs/decisions/0011-socket-handles.md).
 */
function loadBindings(): Bindings {
  const node = process as unknown as { binding(name: string): unknown };
  const loaded = {
    stream: node.binding('stream_wrap'),
    tcp: node.binding('tcp_wrap'),
    pipe: node.binding('pipe_wrap'),
  } as Bindings;
  // Earlier versions want a request object for each write, and abort without one.
  if (typeof loaded.stream.kLastWriteErr === 'number') return loaded;
  throw new LateenError('ENODE', `the proxy does not run on Node ${process.versions.node}`, {
    hint: 'it needs Node 26, which npm ci installs: node_modules/.bin/node',
  });
}

/** A handle for an outgoing TCP connection. */
export function createTcpHandle(): TransportHandle {
  return new tcp.TCP(tcp.constants.SOCKET);
}

/** A handle for a connection to a Unix domain socket. */
export function createPipeHandle(): TransportHandle {
  return new pipe.Pipe(pipe.constants.SOCKET);
}

/** Connects by an address of its family, or to a path; returns 0, or an error at once. */
export function connectHandle(
  handle: TransportHandle,
  target: { readonly address: string; readonly port: number } | { readonly path: string },
  onDone: (status: number) => void,
): number {
  if ('path' in target) {
    const request = new pipe.PipeConnectWrap();
    request.oncomplete = onDone;
    return handle.connect(request, target.path);
  }
  const request = new tcp.TCPConnectWrap();
  request.oncomplete = onDone;
  const { address, port } = target;
  return address.includes(':')
    ? (handle.connect6 as NonNullable<TransportHandle['connect6']>)(request, address, port)
    : handle.connect(request, address, port);
}

let poll: SocketPoll | undefined;
let opening: Promise<void> | undefined;

/**
 * Lets this thread read its connections in batches, where the system can; those that are read before it is ready stay with
 * libuv.
 */
export function openSocketPoll(): Promise<void> {
  opening ??= SocketPoll.open(createWaker).then((opened) => {
    poll = opened;
  });
  return opening;
}

/** A stream of which libuv tells `onWake` that it found nothing. */
export function createWaker(fd: number, onWake: () => void): Waker {
  const handle = createPipeHandle();
  handle.open?.(fd);
  // eventfd(2) refuses to be read into less.
  handle.useUserBuffer(Buffer.alloc(8));
  handle.onread = onWake;
  handle.readStart();
  handle.unref();
  return {
    keep: (alive) => (alive ? handle.ref() : handle.unref()),
    close: () => handle.close(() => {}),
  };
}

/** Makes `to` hear of the handle; what it reads goes into `buffer`, which may be shared and stays the same. */
export function own(handle: StreamHandle, to: HandleOwner, buffer: Uint8Array): void {
  handle[owner] = to;
  handle[readBuffer] = buffer;
  const by = handle[readBy];
  if (typeof by === 'object') by.reader = to;
}

/** Nobody hears of the handle any more. */
export function disown(handle: StreamHandle): void {
  handle[owner] = undefined;
  stopReading(handle);
}

/** The owner hears of what comes. */
export function startReading(handle: StreamHandle): void {
  const by = (handle[readBy] ??= beginReading(handle));
  if (by === 'libuv') handle.readStart();
  else poll?.resume(by);
}

export function stopReading(handle: StreamHandle): void {
  const by = handle[readBy];
  if (by === 'libuv') handle.readStop();
  else if (by !== undefined) poll?.pause(by);
}

function beginReading(handle: StreamHandle): PolledSocket | 'libuv' {
  const to = handle[owner];
  const buffer = handle[readBuffer] as Uint8Array;
  if (poll !== undefined && to !== undefined && handle.fd >= 0) return poll.adopt(handle.fd, to, buffer);
  handle.onread = onRead;
  handle.useUserBuffer(buffer);
  return 'libuv';
}

/**
 * Writes `bytes[0, length)`. 0: they have left. More: so many of them, the last ones, are to stay as they are until
 * `onHandleWritten`. Less: an error.
 */
export function writeHandle(handle: StreamHandle, bytes: Uint8Array, length: number): number {
  const by = handle[readBy];
  const sent = typeof by === 'object' && poll !== undefined ? poll.send(by, bytes, length) : 0;
  return sent === length ? 0 : writeByLibuv(handle, bytes.subarray(sent, length));
}

function writeByLibuv(handle: StreamHandle, bytes: Uint8Array): number {
  const result = handle.writeBuffer(null, bytes);
  if (typeof result === 'number') return result;
  const error = state[writeErrorAt] as number;
  if (error !== 0) return error;
  if (result.writeStatus !== null) return Math.min(0, result.writeStatus);
  const by = handle[readBy];
  if (typeof by === 'object') {
    by.pendingWrites++;
    result[writtenTo] = by;
  }
  result[owner] = handle[owner] as HandleOwner;
  result.buffer = bytes;
  result.oncomplete = onWritten;
  return bytes.length;
}

/** Closes our half after what was written; the owner hears of it, or it has happened where the answer is true. */
export function shutdownHandle(handle: StreamHandle): boolean {
  const request = new stream.ShutdownWrap();
  request.oncomplete = onShutdown;
  const to = handle[owner];
  if (to !== undefined) request[owner] = to;
  return handle.shutdown(request) !== 0;
}

/** Closes the descriptor; `reset` with RST. */
export function closeHandle(handle: TransportHandle, reset: boolean): void {
  const by = handle[readBy];
  if (typeof by === 'object') poll?.forget(by);
  if (reset && handle.reset !== undefined && handle.reset(onClosed) === 0) return;
  handle.close(onClosed);
}

/** Asks the kernel for the name of the peer's end or of our own. */
export function nameOf(handle: StreamHandle, end: 'peer' | 'own'): HandleName {
  const out: SocketName = {};
  if (end === 'peer') handle.getpeername?.(out);
  else handle.getsockname?.(out);
  return { address: out.address ?? '', port: out.port ?? 0 };
}

/** The error of a negative number of libuv. */
export function handleError(status: number, call: string): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${call} ${code}`), { code, errno: status, syscall: call });
}

function onRead(this: StreamHandle): void {
  this[owner]?.onHandleRead(state[readAt] as number);
}

function onWritten(this: PendingWrite, status: number): void {
  const socket = this[writtenTo];
  if (socket !== undefined) socket.pendingWrites--;
  this[owner].onHandleWritten(status, this.buffer.length);
}

function onShutdown(this: { [owner]?: HandleOwner }): void {
  this[owner]?.onHandleShutdown();
}

function onClosed(this: StreamHandle): void {
  this[owner]?.onHandleClosed();
}
