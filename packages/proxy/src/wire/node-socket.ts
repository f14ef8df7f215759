import process from 'node:process';
import { LateenError } from '@lateen/core';
import type { ConnectTarget, HandleName, HandleOwner, KeepAlive, SocketHandle } from './socket-handle.ts';

/** The part of Node's native stream handles that is used here. */
interface NativeHandle {
  [socket]?: NodeSocket;
  readonly fd: number;
  onread: (this: NativeHandle) => void;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  /** 0: the bytes have left. Less: an error. Else the write goes on, and the bytes must stay as they are. */
  writeBuffer(request: null, bytes: Uint8Array): number | PendingWrite;
  shutdown(request: object): number;
  close(done: (this: NativeHandle) => void): void;
  ref(): void;
  unref(): void;
  open(fd: number): number;
  connect(request: object, addressOrPath: string, port?: number): number;
  // What follows is missing on pipes.
  connect6?(request: object, address: string, port: number): number;
  reset?(done: (this: NativeHandle) => void): number;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, afterSeconds: number): number;
  bind?(address: string, port: number): number;
  bind6?(address: string, port: number, flags: number): number;
  getpeername?(out: SocketName): number;
  getsockname?(out: SocketName): number;
}

interface SocketName {
  address?: string;
  port?: number;
}

interface PendingWrite {
  oncomplete: (this: PendingWrite, status: number) => void;
  /** Keeps the bytes while the kernel has not taken them. */
  buffer: Uint8Array;
  /** The end, where it came before somebody could be told. */
  writeStatus: number | null;
  [writer]?: HandleOwner | undefined;
}

interface ConnectRequest {
  oncomplete: (status: number) => void;
}

interface ShutdownRequest {
  oncomplete: (this: ShutdownRequest) => void;
  [writer]?: HandleOwner | undefined;
}

/** Where a native handle finds its socket. */
const socket = Symbol('socket');
/** Who hears of a request. */
const writer = Symbol('writer');

type Maker<T> = new (kind?: number) => T;

interface Bindings {
  readonly stream: {
    readonly ShutdownWrap: Maker<ShutdownRequest>;
    readonly streamBaseState: Int32Array;
    readonly kReadBytesOrError: number;
    readonly kLastWriteErr: number;
  };
  readonly tcp: {
    readonly TCP: Maker<NativeHandle>;
    readonly TCPConnectWrap: Maker<ConnectRequest>;
    readonly constants: { readonly SOCKET: number };
  };
  readonly pipe: {
    readonly Pipe: Maker<NativeHandle>;
    readonly PipeConnectWrap: Maker<ConnectRequest>;
    readonly constants: { readonly SOCKET: number };
  };
}

const { stream, tcp, pipe } = loadBindings();
const state = stream.streamBaseState;

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

/** A socket that libuv serves: of a Unix domain socket, and of every connection where there is no {@link SocketPoll}. */
export class NodeSocket implements SocketHandle {
  readonly #handle: NativeHandle;
  #owner: HandleOwner | undefined;
  #readBuffer: Uint8Array | undefined;
  /** The buffer that libuv knows. */
  #knownBuffer: Uint8Array | undefined;

  private constructor(handle: NativeHandle) {
    this.#handle = handle;
    handle[socket] = this;
  }

  static tcp(): NodeSocket {
    return new NodeSocket(new tcp.TCP(tcp.constants.SOCKET));
  }

  static pipe(): NodeSocket {
    return new NodeSocket(new pipe.Pipe(pipe.constants.SOCKET));
  }

  /** Of a handle that a server of `node:net` has accepted. */
  static of(handle: object): NodeSocket {
    return new NodeSocket(handle as NativeHandle);
  }

  get fd(): number {
    return this.#handle.fd;
  }

  get isTcp(): boolean {
    return this.#handle.getpeername !== undefined;
  }

  own(to: HandleOwner, buffer: Uint8Array): void {
    this.#owner = to;
    this.#readBuffer = buffer;
  }

  disown(): void {
    this.#owner = undefined;
    this.stopReading();
  }

  startReading(): void {
    const buffer = this.#readBuffer;
    if (buffer !== undefined && buffer !== this.#knownBuffer) {
      this.#knownBuffer = buffer;
      this.#handle.onread = onRead;
      this.#handle.useUserBuffer(buffer);
    }
    this.#handle.readStart();
  }

  stopReading(): void {
    this.#handle.readStop();
  }

  onRead(length: number): void {
    this.#owner?.onHandleRead(length);
  }

  write(bytes: Uint8Array, length: number): number {
    const whole = bytes.length === length ? bytes : bytes.subarray(0, length);
    const result = this.#handle.writeBuffer(null, whole);
    if (typeof result === 'number') return result;
    const error = state[stream.kLastWriteErr] as number;
    if (error !== 0) return error;
    if (result.writeStatus !== null) return Math.min(0, result.writeStatus);
    result[writer] = this.#owner;
    result.buffer = whole;
    result.oncomplete = onWritten;
    return length;
  }

  shutdown(): boolean {
    const request = new stream.ShutdownWrap();
    request.oncomplete = onShutdown;
    request[writer] = this.#owner;
    return this.#handle.shutdown(request) !== 0;
  }

  close(reset: boolean): void {
    const handle = this.#handle;
    if (reset && handle.reset !== undefined && handle.reset(onClosed) === 0) return;
    handle.close(onClosed);
  }

  onClosed(): void {
    this.#owner?.onHandleClosed();
  }

  nameOf(end: 'peer' | 'own'): HandleName {
    const out: SocketName = {};
    if (end === 'peer') this.#handle.getpeername?.(out);
    else this.#handle.getsockname?.(out);
    return { address: out.address ?? '', port: out.port ?? 0 };
  }

  bind(address: string, port: number): number {
    const handle = this.#handle;
    return (address.includes(':') ? handle.bind6?.(address, port, 0) : handle.bind?.(address, port)) ?? 0;
  }

  open(fd: number): number {
    return this.#handle.open(fd);
  }

  connect(target: ConnectTarget, onDone: (status: number) => void): number {
    const handle = this.#handle;
    const request = 'path' in target ? new pipe.PipeConnectWrap() : new tcp.TCPConnectWrap();
    request.oncomplete = onDone;
    if ('path' in target) return handle.connect(request, target.path);
    const { address, port } = target;
    return address.includes(':') && handle.connect6 !== undefined
      ? handle.connect6(request, address, port)
      : handle.connect(request, address, port);
  }

  setNoDelay(): void {
    this.#handle.setNoDelay?.(true);
  }

  setKeepAlive({ afterSeconds }: KeepAlive): void {
    this.#handle.setKeepAlive?.(true, afterSeconds);
  }

  /** Keeps the process alive, or does not. */
  keepAlive(keeps: boolean): void {
    if (keeps) this.#handle.ref();
    else this.#handle.unref();
  }
}

function onRead(this: NativeHandle): void {
  this[socket]?.onRead(state[stream.kReadBytesOrError] as number);
}

function onWritten(this: PendingWrite, status: number): void {
  this[writer]?.onHandleWritten(status, this.buffer.length);
}

function onShutdown(this: ShutdownRequest): void {
  this[writer]?.onHandleShutdown();
}

function onClosed(this: NativeHandle): void {
  this[socket]?.onClosed();
}
