import { once } from 'node:events';
import type { Socket } from 'node:net';
import { sleep } from '@lateen/core';
import type { Step } from './case.ts';

const patienceMs = 4_000;

/** One side of a connection that follows steps and keeps what comes. */
export class PeerSocket {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  /** How it ended, as seen from here; undefined while it is open. */
  end: 'closed' | 'reset' | undefined;
  /** What Node says of an error of TLS. */
  tlsError: string | undefined;
  #lastByteAt = performance.now();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#lastByteAt = performance.now();
    });
    socket.on('end', () => (this.end ??= 'closed'));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('ERR_SSL') === true) this.tlsError = error.code;
      this.end = 'reset';
    });
    socket.on('close', () => (this.end ??= 'closed'));
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  async follow(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (typeof step === 'string') this.#write(Buffer.from(step, 'latin1'));
      else if (Buffer.isBuffer(step)) this.#write(step);
      else if ('waitMs' in step) await sleep(step.waitMs);
      else if ('until' in step) await this.#receives(step.until);
      else if ('end' in step) this.socket.end();
      else if ('close' in step) this.socket.destroySoon();
      else this.socket.resetAndDestroy();
    }
  }

  /** Waits until it has ended or nothing has come for so long. */
  async isQuiet(ms: number): Promise<void> {
    this.#lastByteAt = performance.now();
    while (this.end === undefined && performance.now() - this.#lastByteAt < ms) await sleep(10);
  }

  async close(): Promise<void> {
    if (this.socket.closed) return;
    const closed = once(this.socket, 'close');
    this.socket.destroy();
    await closed;
  }

  #write(bytes: Buffer): void {
    if (!this.socket.writableEnded && !this.socket.destroyed) this.socket.write(bytes);
  }

  async #receives(text: string): Promise<void> {
    const until = performance.now() + patienceMs;
    while (!this.received.includes(text, 0, 'latin1') && this.end === undefined) {
      if (performance.now() > until) return;
      await sleep(5);
    }
  }
}
