import type { Duplex } from 'node:stream';
import { messageOf } from '@lateen/core';
import type { WebSocket } from 'ws';
import { FrameReader, dataFrame, pingFrame, resetFrame, synReplyFrame, type Frame } from './spdy/frames.ts';
import { HeaderBlocks } from './spdy/header-block.ts';

/** The subprotocol by which kubectl sends SPDY/3.1 through a WebSocket. */
export const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';

/** Opens a connection to a port of the pod. */
export type Dial = (port: number) => Promise<Duplex>;

const protocolError = 1;
const refusedStream = 3;
const maxStreams = 2000;
/** Above this much unsent, what comes from the pod waits. */
const highWaterBytes = 1024 * 1024;

/** Two streams of one connection of the client: one for bytes, one for what goes wrong. */
interface Pair {
  dataId?: number;
  errorId?: number;
  socket?: Duplex;
}

/** Serves port-forwards on an open WebSocket until it closes. */
export function serveTunnel(socket: WebSocket, dial: Dial): Promise<void> {
  return new Tunnel(socket, dial).run();
}

class Tunnel {
  readonly #socket: WebSocket;
  readonly #dial: Dial;
  readonly #reader = new FrameReader();
  readonly #headers = new HeaderBlocks();
  readonly #pairs = new Map<string, Pair>();
  readonly #byStream = new Map<number, Pair>();
  /** Frames are worked on in their order, also where headers take a turn of the loop to decompress. */
  #work: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, dial: Dial) {
    this.#socket = socket;
    this.#dial = dial;
  }

  run(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      socket.on('message', (message: Buffer) => {
        let frames: Frame[];
        try {
          frames = this.#reader.push(message);
        } catch {
          socket.terminate();
          return;
        }
        for (const frame of frames) {
          this.#work = this.#work.then(() => this.#receive(frame)).catch(() => socket.terminate());
        }
      });
      socket.on('error', () => socket.terminate());
      socket.on('close', () => {
        for (const pair of this.#pairs.values()) pair.socket?.destroy();
        this.#headers.close();
        resolve();
      });
    });
  }

  async #receive(frame: Frame): Promise<void> {
    switch (frame.kind) {
      case 'syn-stream':
        await this.#open(frame.streamId, frame.headers);
        return;
      case 'data': {
        const pair = this.#byStream.get(frame.streamId);
        if (pair?.dataId !== frame.streamId) return;
        const target = pair.socket;
        if (frame.data.length > 0 && target?.write(frame.data) === false) this.#pauseFor(target);
        if (frame.fin) target?.end();
        return;
      }
      case 'reset':
        this.#byStream.get(frame.streamId)?.socket?.destroy();
        return;
      case 'ping':
        // Odd numbers are the client's own, to be sent back.
        if (frame.id % 2 === 1) this.#send(pingFrame(frame.id));
        return;
      case 'go-away':
        this.#socket.close(1000);
        return;
      default:
    }
  }

  async #open(streamId: number, block: Buffer): Promise<void> {
    const headers = await this.#headers.decode(block);
    const port = Number(headers.get('port'));
    const type = headers.get('streamtype');
    const known = type === 'data' || type === 'error';
    if (!known || !Number.isInteger(port) || port < 1 || port > 65_535) {
      this.#send(resetFrame(streamId, protocolError));
      return;
    }
    if (this.#byStream.size >= maxStreams) {
      this.#send(resetFrame(streamId, refusedStream));
      return;
    }
    const id = headers.get('requestid') ?? String(type === 'error' ? streamId : streamId - 2);
    const pair = this.#pairs.get(id) ?? {};
    this.#pairs.set(id, pair);
    this.#byStream.set(streamId, pair);
    if (type === 'data') pair.dataId = streamId;
    else pair.errorId = streamId;
    this.#send(synReplyFrame(streamId, await this.#headers.encode(new Map())));
    if (pair.dataId !== undefined && pair.errorId !== undefined) await this.#connect(id, pair, port);
  }

  async #connect(id: string, pair: Pair, port: number): Promise<void> {
    const { dataId = 0, errorId = 0 } = pair;
    let ended = false;
    const finish = (problem?: string): void => {
      if (ended) return;
      ended = true;
      this.#send(dataFrame(errorId, Buffer.from(problem ?? ''), true));
      this.#send(dataFrame(dataId, Buffer.alloc(0), true));
      this.#pairs.delete(id);
      this.#byStream.delete(dataId);
      this.#byStream.delete(errorId);
    };
    let target: Duplex;
    try {
      target = await this.#dial(port);
    } catch (error) {
      finish(messageOf(error));
      return;
    }
    pair.socket = target;
    target.on('data', (chunk: Buffer) => {
      this.#send(dataFrame(dataId, chunk, false));
      if (this.#socket.bufferedAmount > highWaterBytes) this.#holdUntilSent(target);
    });
    target.on('end', () => finish());
    target.on('error', (error: Error) => finish(error.message));
    target.on('close', () => finish());
  }

  #send(frame: Buffer): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(frame);
  }

  /** Lets the pod wait until the client has read what is on its way. */
  #holdUntilSent(target: Duplex): void {
    target.pause();
    this.#socket.send(Buffer.alloc(0), () => target.resume());
  }

  /** Lets the client wait until the pod has read. */
  #pauseFor(target: Duplex): void {
    this.#socket.pause();
    const resume = (): void => {
      target.off('drain', resume);
      target.off('close', resume);
      this.#socket.resume();
    };
    target.once('drain', resume);
    target.once('close', resume);
  }
}
