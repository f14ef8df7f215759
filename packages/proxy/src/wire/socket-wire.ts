import type { OnReadOpts, Socket } from 'node:net';
import { codeOf } from '@lateen/core';
import type { ByteCounter } from './byte-counter.ts';
import type { TlsInfo } from './tls-info.ts';
import type { OutputOwner, Turn } from './turn.ts';
import type { Wire, WireHandler } from './wire.ts';

const wireOf = Symbol('wire');

interface WiredSocket extends Socket {
  [wireOf]?: SocketWire;
}

/** Takes what arrives before somebody is responsible. */
export const deafHandler: WireHandler = {
  onBytes() {},
  onEnd() {},
  onDrain() {},
  onClose() {},
};

/**
 * A {@link Wire} over a socket of `node:net` or `node:tls`.
 *
 * Plain sockets read into one buffer that all of them share (`onread`): the bytes are handled
 * before the next read, so an idle connection owns no buffer.
 */
export class SocketWire implements Wire, OutputOwner {
  readonly #turn: Turn;
  readonly #socket: WiredSocket;
  handler: WireHandler = deafHandler;
  bytes: ByteCounter;
  #error: Error | undefined;
  #closed = false;
  readonly #encrypts: boolean;
  tls: TlsInfo | undefined;

  constructor(turn: Turn, socket: Socket) {
    this.#turn = turn;
    this.bytes = turn.uncounted;
    this.#socket = socket;
    this.#socket[wireOf] = this;
    this.#encrypts = 'encrypted' in socket;
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on('drain', onDrain);
  }

  /** Starts to read from a socket that has no `onread` (TLS). */
  readByEvents(): void {
    this.#socket.on('data', onData);
  }

  /** Gives the socket up, with nothing of ours on it; the wire is dead. */
  detach(): Socket {
    const socket = this.#socket;
    this.#closed = true;
    delete socket[wireOf];
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('error', onError);
    socket.off('close', onClose);
    socket.off('drain', onDrain);
    return socket;
  }

  get socket(): Socket {
    return this.#socket;
  }

  get output(): Buffer {
    return this.#turn.buffer;
  }

  claim(bytes: number): number {
    return this.#turn.claim(this, bytes);
  }

  commit(end: number): void {
    this.#turn.commit(end);
  }

  write(buffer: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const at = this.#turn.claim(this, length);
    if (length <= 64) {
      const out = this.#turn.buffer;
      for (let i = 0; i < length; i++) out[at + i] = buffer[start + i] as number;
    } else if (length === buffer.length) {
      this.#turn.buffer.set(buffer, at);
    } else {
      this.#turn.buffer.set(buffer.subarray(start, end), at);
    }
    this.#turn.commit(at + length);
  }

  flushOutput(buffer: Buffer, length: number): boolean {
    const socket = this.#socket;
    if (this.#closed || socket.destroyed || socket.writableEnded) return true;
    this.bytes.sent += length;
    if (socket.writableLength > 0) {
      socket.write(Buffer.from(buffer.subarray(0, length)));
      return true;
    }
    socket.write(buffer.subarray(0, length));
    // TLS has encrypted the bytes when write returns; a plain socket may still point to them.
    return this.#encrypts || socket.writableLength === 0;
  }

  get writable(): boolean {
    return !this.#socket.writableNeedDrain;
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  end(): void {
    this.#turn.flushOwner(this);
    if (!this.#socket.destroyed) this.#socket.end();
  }

  destroy(reset = false): void {
    this.#turn.discard(this);
    if (reset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  get closed(): boolean {
    return this.#closed || this.#socket.destroyed;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? '';
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }

  get localAddress(): string {
    return this.#socket.localAddress ?? '';
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Called by the socket's events only. */
  received(buffer: Buffer, length: number): void {
    if (this.#closed || this.#socket.destroyed) return;
    this.bytes.received += length;
    this.#turn.enter();
    try {
      this.handler.onBytes(buffer, 0, length);
    } catch (error) {
      this.#bug(error);
    } finally {
      this.#turn.leave();
    }
  }

  /** Called by the socket's events only. */
  ended(): void {
    if (this.#closed) return;
    this.#turn.enter();
    try {
      this.handler.onEnd();
    } catch (error) {
      this.#bug(error);
    } finally {
      this.#turn.leave();
    }
  }

  /** Called by the socket's events only. */
  drained(): void {
    if (this.#closed) return;
    this.#turn.enter();
    try {
      this.handler.onDrain();
    } catch (error) {
      this.#bug(error);
    } finally {
      this.#turn.leave();
    }
  }

  #bug(error: unknown): void {
    this.destroy();
    this.#turn.onBug(error);
  }

  /** Called by the socket's events only. */
  failed(error: Error): void {
    this.#error = error;
  }

  /** Called by the socket's events only. */
  gone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#turn.discard(this);
    const handler = this.handler;
    this.handler = deafHandler;
    this.#turn.enter();
    try {
      handler.onClose(this.#error);
    } catch (error) {
      this.#turn.onBug(error);
    } finally {
      this.#turn.leave();
    }
  }
}

/** True for errors that only say that the peer went away. */
export function isPeerGone(error: Error | undefined): boolean {
  const code = codeOf(error);
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED';
}

/** Options of `node:net` that make a socket read into a buffer which all of them share. */
export function readInto(buffer: Buffer): OnReadOpts {
  return { buffer, callback: onRead };
}

// Node calls it as a method of the socket.
function onRead(this: unknown, length: number, buffer: Uint8Array): boolean {
  (this as WiredSocket)[wireOf]?.received(buffer as Buffer, length);
  return true;
}

function onData(this: WiredSocket, chunk: Buffer): void {
  this[wireOf]?.received(chunk, chunk.length);
}

function onEnd(this: WiredSocket): void {
  this[wireOf]?.ended();
}

function onDrain(this: WiredSocket): void {
  this[wireOf]?.drained();
}

function onError(this: WiredSocket, error: Error): void {
  this[wireOf]?.failed(error);
}

function onClose(this: WiredSocket): void {
  this[wireOf]?.gone();
}
