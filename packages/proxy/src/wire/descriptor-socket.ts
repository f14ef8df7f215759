import { BufferAddresses } from './buffer-addresses.ts';
import { decodeSocketAddress, encodeSocketAddress, familyOf, socketAddressBytes } from './socket-address.ts';
import {
  endOfStream,
  type ConnectTarget,
  type HandleName,
  type HandleOwner,
  type KeepAlive,
  type SocketHandle,
} from './socket-handle.ts';
import { failed, peerEnded, readable, writable, type SocketPoll, type Watcher } from './socket-poll.ts';
import { closeOnExec, errors, nonBlocking, type SystemCalls } from './system-calls.ts';

// Linux' numbers (socket(7), tcp(7)).
const stream = 1;
const levelSocket = 1;
const optionReuseAddress = 2;
const optionError = 4;
const optionKeepAlive = 9;
const optionLinger = 13;
const levelTcp = 6;
const optionNoDelay = 1;
const optionKeepIdle = 4;
const dontWait = 0x40;
const dontWaitNorSignal = 0x4040;
const sendingHalf = 1;

/** Of one socket that fills the buffer each time. */
const readsAtOnce = 8;

/** Bytes that the kernel has not taken yet. */
interface PendingWrite {
  rest: Uint8Array;
  readonly length: number;
  readonly writer: HandleOwner | undefined;
}

/** What the sockets of a thread share: the poll, and memory for system calls. */
export class SocketCalls {
  readonly poll: SocketPoll;
  readonly calls: SystemCalls;
  readonly addresses: BufferAddresses;
  readonly #name = Buffer.alloc(128);
  readonly #nameAddress: number;
  /** Of endpoints, which stay what they are. */
  readonly #encoded = new WeakMap<HandleName, Buffer>();
  readonly #numbers = new Int32Array(32);
  readonly #numbersAddress: number;

  constructor(poll: SocketPoll) {
    this.poll = poll;
    this.calls = poll.calls;
    this.addresses = new BufferAddresses(poll.calls.addressOf);
    this.#nameAddress = poll.calls.addressOf(this.#name);
    this.#numbersAddress = poll.calls.addressOf(this.#numbers);
  }

  /** Accepts a connection, with the name of its peer; its descriptor, or an error of libuv. */
  accept(listening: number): number {
    this.#numbers[0] = socketAddressBytes;
    const { accept4, errno } = this.calls;
    const fd = accept4(listening, this.#nameAddress, this.#numbersAddress, nonBlocking | closeOnExec);
    return fd < 0 ? -errno() : fd;
  }

  /** A socket to listen on; its descriptor, or an error of libuv. */
  bindToListen(place: HandleName): number {
    const fd = this.create(place.address);
    if (fd < 0) return fd;
    const status =
      this.setOption(fd, levelSocket, optionReuseAddress, 1) || this.withAddress('bind', fd, place);
    if (status === 0) return fd;
    this.calls.close(fd);
    return status;
  }

  /** A socket of the address' family; its descriptor, or an error of libuv. */
  create(address: string): number {
    const fd = this.calls.socket(familyOf(address), stream | nonBlocking | closeOnExec, 0);
    return fd < 0 ? -this.calls.errno() : fd;
  }

  /** The name that the last call has filled in. */
  lastName(): HandleName {
    return decodeSocketAddress(this.#name);
  }

  nameOf(fd: number, end: 'peer' | 'own'): HandleName {
    this.#numbers[0] = socketAddressBytes;
    const ask = end === 'peer' ? this.calls.getpeername : this.calls.getsockname;
    if (ask(fd, this.#nameAddress, this.#numbersAddress) !== 0) return { address: '', port: 0 };
    return this.lastName();
  }

  /** Calls `bind` or `connect` with an address; 0, or an error of libuv. */
  withAddress(call: 'bind' | 'connect', fd: number, name: HandleName): number {
    let bytes = this.#encoded.get(name);
    if (bytes === undefined) {
      bytes = encodeSocketAddress(name);
      this.#encoded.set(name, bytes);
    }
    bytes.copy(this.#name);
    return this.calls[call](fd, this.#nameAddress, bytes.length) === 0 ? 0 : -this.calls.errno();
  }

  setOption(fd: number, level: number, option: number, first: number, second?: number): number {
    this.#numbers[0] = first;
    if (second !== undefined) this.#numbers[1] = second;
    const length = second === undefined ? 4 : 8;
    return this.calls.setsockopt(fd, level, option, this.#numbersAddress, length) === 0
      ? 0
      : -this.calls.errno();
  }

  setNoDelay(fd: number): void {
    this.setOption(fd, levelTcp, optionNoDelay, 1);
  }

  /** What has become of a connection that is being made; 0, or an error of libuv. */
  takeError(fd: number): number {
    const numbers = this.#numbers;
    numbers[0] = 0;
    numbers[1] = 4;
    const place = this.#numbersAddress;
    const failed = this.calls.getsockopt(fd, levelSocket, optionError, place, place + 4) !== 0;
    const error = failed ? this.calls.errno() : numbers[0];
    return error === 0 ? 0 : -error;
  }
}

/** A TCP socket that is a descriptor and nothing more: what it does, the kernel is asked for at once. */
export class DescriptorSocket implements SocketHandle, Watcher {
  readonly #shared: SocketCalls;
  readonly isTcp = true;
  fd = -1;
  watched = 0;
  #owner: HandleOwner | undefined;
  #buffer: Uint8Array | undefined;
  #isReading = false;
  #isClosed = false;
  #onConnected: ((status: number) => void) | undefined;
  /** What waits for the peer to read, in its order; undefined: nothing. */
  #pending: PendingWrite[] | undefined;
  /** Our half is to be closed after what waits. */
  #endsAfter = false;
  readonly #peer: HandleName | undefined;

  constructor(shared: SocketCalls, fd = -1, peer?: HandleName) {
    this.#shared = shared;
    this.#peer = peer;
    if (fd >= 0) this.open(fd);
  }

  open(fd: number): number {
    this.fd = fd;
    this.#shared.poll.adopt(this);
    return 0;
  }

  own(to: HandleOwner, buffer: Uint8Array): void {
    this.#owner = to;
    this.#buffer = buffer;
  }

  disown(): void {
    this.#owner = undefined;
    this.stopReading();
  }

  startReading(): void {
    if (this.#isClosed) return;
    this.#isReading = true;
    const status = this.#watch();
    if (status === 0) return;
    // The kernel cannot watch it, as where a user's watches are used up: its owner hears of it as of any error.
    this.#isReading = false;
    setImmediate(() => {
      if (!this.#isClosed) this.#owner?.onHandleRead(status);
    });
  }

  /** The kernel is told only when something comes all the same: most pauses are over before. */
  stopReading(): void {
    this.#isReading = false;
  }

  /** Asks to be told of what is wanted now. */
  #watch(): number {
    const toWrite = this.#pending !== undefined || this.#onConnected !== undefined;
    return this.#shared.poll.watch(this, (this.#isReading ? readable : 0) | (toWrite ? writable : 0));
  }

  onReady(events: number): void {
    if (this.#onConnected !== undefined) {
      this.#finishConnect(this.#onConnected, (events & ~writable) !== 0);
      return;
    }
    if (this.#pending !== undefined && (events & ~readable) !== 0) this.#sendPending();
    if (this.#isClosed || (events & ~writable) === 0) return;
    if (this.#isReading) this.#read((events & (peerEnded | failed)) === peerEnded);
    else this.#watch();
  }

  /** `ends`: the end follows the bytes that are there. */
  #read(ends: boolean): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    const { calls, addresses } = this.#shared;
    const address = addresses.of(buffer);
    for (let reads = readsAtOnce; reads > 0 && this.#isReading; reads--) {
      const length = calls.recv(this.fd, address, buffer.length, dontWait);
      if (length <= 0) {
        this.#readOver(length);
        return;
      }
      this.#owner?.onHandleRead(length);
      // Another one may read into another buffer from now on.
      if (this.#buffer !== buffer || (length < buffer.length && !ends)) return;
    }
  }

  #readOver(length: number): void {
    let status = endOfStream;
    if (length < 0) {
      const error = this.#shared.calls.errno();
      if (error === errors.EAGAIN || error === errors.EINTR) return;
      status = -error;
    }
    // Most are closed by whoever hears of it; of those that are not the kernel tells once more.
    this.#isReading = false;
    this.#owner?.onHandleRead(status);
  }

  write(bytes: Uint8Array, length: number): number {
    const sent = this.#pending === undefined ? this.#send(bytes, length) : 0;
    if (sent === length || sent < 0) return sent === length ? 0 : sent;
    const rest = bytes.subarray(sent, length);
    (this.#pending ??= []).push({ rest, length: rest.length, writer: this.#owner });
    const status = this.#watch();
    return status < 0 ? status : rest.length;
  }

  /** How much the kernel has taken, or an error of libuv. */
  #send(bytes: Uint8Array, length: number): number {
    const { calls, addresses } = this.#shared;
    const sent = calls.send(this.fd, addresses.of(bytes), length, dontWaitNorSignal);
    if (sent >= 0) return sent;
    const error = calls.errno();
    return error === errors.EAGAIN || error === errors.EINTR ? 0 : -error;
  }

  #sendPending(): void {
    for (let first = this.#pending?.[0]; first !== undefined && !this.#isClosed; first = this.#pending?.[0]) {
      const sent = this.#send(first.rest, first.rest.length);
      if (sent >= 0 && sent < first.rest.length) {
        first.rest = first.rest.subarray(sent);
        return;
      }
      if (this.#pending?.length === 1) this.#pending = undefined;
      else this.#pending?.shift();
      if (this.#pending === undefined) this.#watch();
      first.writer?.onHandleWritten(Math.min(0, sent), first.length);
    }
    if (!this.#endsAfter || this.#pending !== undefined || this.#isClosed) return;
    this.#endsAfter = false;
    this.#shared.calls.shutdown(this.fd, sendingHalf);
    this.#owner?.onHandleShutdown();
  }

  shutdown(): boolean {
    if (this.#pending !== undefined) {
      this.#endsAfter = true;
      return false;
    }
    this.#shared.calls.shutdown(this.fd, sendingHalf);
    return true;
  }

  close(reset: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isReading = false;
    this.#onConnected = undefined;
    this.#pending = undefined;
    if (this.fd < 0) {
      setImmediate(() => this.onClosed());
      return;
    }
    if (reset) this.#shared.setOption(this.fd, levelSocket, optionLinger, 1, 0);
    this.#shared.poll.close(this);
  }

  onClosed(): void {
    this.#owner?.onHandleClosed();
  }

  nameOf(end: 'peer' | 'own'): HandleName {
    return end === 'peer' && this.#peer !== undefined ? this.#peer : this.#shared.nameOf(this.fd, end);
  }

  bind(address: string, port: number): number {
    return this.#create(address) || this.#shared.withAddress('bind', this.fd, { address, port });
  }

  connect(target: ConnectTarget, onDone: (status: number) => void): number {
    if ('path' in target) throw new Error('a TCP socket connects to an address');
    const status = this.#create(target.address) || this.#shared.withAddress('connect', this.fd, target);
    if (status !== 0 && status !== -errors.EINPROGRESS) return status;
    this.#onConnected = onDone;
    return this.#watch();
  }

  #create(address: string): number {
    if (this.fd >= 0) return 0;
    const fd = this.#shared.create(address);
    return fd < 0 ? fd : this.open(fd);
  }

  #finishConnect(onDone: (status: number) => void, mayHaveFailed: boolean): void {
    this.#onConnected = undefined;
    const status = mayHaveFailed ? this.#shared.takeError(this.fd) : 0;
    onDone(status);
    // Who reads has told the kernel so.
    if (!this.#isClosed && !this.#isReading) this.#watch();
  }

  setNoDelay(): void {
    this.#shared.setNoDelay(this.fd);
  }

  setKeepAlive({ afterSeconds }: KeepAlive): void {
    this.#shared.setOption(this.fd, levelSocket, optionKeepAlive, 1);
    this.#shared.setOption(this.fd, levelTcp, optionKeepIdle, afterSeconds);
  }
}
