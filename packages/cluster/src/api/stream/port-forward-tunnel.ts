import type { Duplex } from 'node:stream';
import { messageOf } from '@lateen/core';
import { FrameReader, dataFrame, pingFrame, resetFrame, synReplyFrame, type Frame } from './spdy/frames.ts';
import { HeaderBlocks } from './spdy/header-block.ts';

/** The subprotocol by which kubectl sends SPDY/3.1 through a WebSocket. */
export const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';

/** Opens a connection to a port of the pod. */
export type Dial = (port: number) => Promise<Duplex>;

const protocolError = 1;
const refusedStream = 3;
const maxStreams = 2000;

/** Two streams of one connection of the client: one for bytes, one for what goes wrong. */
interface Pair {
  dataId?: number;
  errorId?: number;
  socket?: Duplex;
}

/** Serves port-forwards in SPDY/3.1 on a stream of bytes, until it closes. */
export function serveTunnel(client: Duplex, dial: Dial): Promise<void> {
  return new Tunnel(client, dial).run();
}

class Tunnel {
  readonly #client: Duplex;
  readonly #dial: Dial;
  readonly #reader = new FrameReader();
  readonly #headers = new HeaderBlocks();
  readonly #pairs = new Map<string, Pair>();
  readonly #byStream = new Map<number, Pair>();
  /** Connections to the pod that wait until the client has read. */
  readonly #held = new Set<Duplex>();
  /** Connections to the pod that have not read what the client sent. */
  readonly #full = new Set<Duplex>();
  /** Frames are worked on in their order, also where headers take a turn of the loop to decompress. */
  #work: Promise<void> = Promise.resolve();

  constructor(client: Duplex, dial: Dial) {
    this.#client = client;
    this.#dial = dial;
  }

  run(): Promise<void> {
    const client = this.#client;
    return new Promise((resolve) => {
      client.on('data', (chunk: Buffer) => {
        try {
          for (const frame of this.#reader.push(chunk)) {
            this.#work = this.#work.then(() => this.#receive(frame)).catch(() => void client.destroy());
          }
        } catch {
          client.destroy();
        }
      });
      client.on('drain', () => {
        for (const target of this.#held) target.resume();
        this.#held.clear();
      });
      client.on('error', () => client.destroy());
      client.on('end', () => client.end());
      client.on('close', () => {
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
        if (frame.data.length > 0 && target?.write(frame.data) === false) this.#waitFor(target);
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
        this.#client.end();
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
      if (this.#send(dataFrame(dataId, chunk, false))) return;
      target.pause();
      this.#held.add(target);
    });
    target.on('end', () => finish());
    target.on('error', (error: Error) => finish(error.message));
    target.on('close', () => finish());
  }

  /** False where the client is slow. */
  #send(frame: Buffer): boolean {
    return this.#client.writable ? this.#client.write(frame) : true;
  }

  /** Lets the client wait until the pod has read. */
  #waitFor(target: Duplex): void {
    if (this.#full.has(target)) return;
    this.#full.add(target);
    this.#client.pause();
    const resume = (): void => {
      target.off('drain', resume);
      target.off('close', resume);
      this.#full.delete(target);
      if (this.#full.size === 0) this.#client.resume();
    };
    target.on('drain', resume);
    target.on('close', resume);
  }
}
