import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { once } from 'node:events';
import { frame, frameFlag, frameType, headersFrame, SeenFrames } from '@lateen/proxy/raw-http2';
import type { Dialogue, Reply, Step } from './case.ts';
import { readMessages } from './http1-text.ts';
import { PeerSocket } from './peer-socket.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

const fine: Reply = { send: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'] };
const fineHttp2: Reply = {
  send: (id) => [
    headersFrame(id, [[':status', '200']], false),
    frame(frameType.data, frameFlag.endStream, id, Buffer.from('hello')),
  ],
};

/** An endpoint that does what it is told, and keeps what it is asked. */
export class ScriptedEndpoint {
  readonly #server: Server;
  #replies: readonly Reply[] = [];
  #next = 0;
  connections: EndpointConnection[] = [];

  /** What it is sent is no HTTP: it has a dialogue, or replies to connections alone. */
  readonly isRaw: boolean;

  private constructor(server: Server, isTls: boolean, dialogue: Dialogue | undefined, isRaw: boolean) {
    this.#server = server;
    this.isRaw = isRaw;
    server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.connections.push(
        new EndpointConnection(socket, (moment, isHttp2) => this.#reply(moment, isHttp2), dialogue, isRaw),
      );
    });
  }

  static async listen(tls?: TlsOptions, dialogue?: Dialogue, isRaw = false): Promise<ScriptedEndpoint> {
    const server =
      tls === undefined
        ? createServer({ allowHalfOpen: true })
        : createTlsServer({ ...tls, allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ScriptedEndpoint(server, tls !== undefined, dialogue, isRaw);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Begins a case. */
  follow(replies: readonly Reply[] | undefined): void {
    this.#replies = replies ?? [];
    this.#next = 0;
    this.connections = [];
  }

  /** Closes the connections that are left. */
  async settle(): Promise<void> {
    await Promise.all(this.connections.map(({ peer }) => peer.close()));
  }

  async close(): Promise<void> {
    await this.settle();
    this.#server.close();
  }

  #reply(moment: Moment, isHttp2: boolean): Reply['send'] | undefined {
    const reply =
      this.#replies[Math.min(this.#next, this.#replies.length - 1)] ?? (isHttp2 ? fineHttp2 : fine);
    if ((reply.on ?? 'end') !== moment) return undefined;
    this.#next++;
    return reply.send;
  }
}

type Moment = 'connect' | 'head' | 'end';
type Ask = (moment: Moment, isHttp2: boolean) => Reply['send'] | undefined;

/** A connection of an endpoint. */
export class EndpointConnection {
  readonly peer: PeerSocket;
  isHttp2 = false;
  readonly #ask: Ask;
  readonly #frames = new SeenFrames();
  #read = 0;
  #heads = 0;
  #ends = 0;
  #work = Promise.resolve();

  constructor(socket: Socket, ask: Ask, dialogue: Dialogue | undefined, isRaw: boolean) {
    this.peer = new PeerSocket(socket);
    this.#ask = ask;
    if (dialogue === undefined) {
      this.#reply('connect', 0);
      if (!isRaw) socket.on('data', () => this.#onData());
    } else
      socket.on(
        'data',
        dialogue((steps) => this.#say(steps)),
      );
    // A peer that has ended wants no more, unless its steps say otherwise.
    socket.on('end', () => void this.#work.then(() => socket.end()));
  }

  #onData(): void {
    const bytes = this.peer.received;
    if (this.#read === 0 && !this.isHttp2 && bytes.toString('latin1', 0, preface.length) === preface) {
      this.isHttp2 = true;
      this.#read = preface.length;
      this.peer.socket.write(frame(frameType.settings, 0, 0));
    }
    if (this.isHttp2) this.#onFrames(bytes);
    else this.#onText(bytes.toString('latin1'));
  }

  #onText(text: string): void {
    const messages = readMessages(text);
    const heads = messages.filter(
      (one, i) => i < messages.length - 1 || one.whole || text.includes('\r\n\r\n'),
    ).length;
    const ends = messages.filter(({ whole }) => whole).length;
    while (this.#heads < heads) {
      this.#heads++;
      this.#reply('head', 0);
    }
    while (this.#ends < ends) {
      this.#ends++;
      this.#reply('end', 0);
    }
  }

  #onFrames(bytes: Buffer): void {
    const from = this.#frames.frames.length;
    this.#frames.read(bytes.subarray(this.#read));
    this.#read = bytes.length;
    for (const { type, flags, streamId } of this.#frames.frames.slice(from)) {
      if (type === frameType.settings && (flags & frameFlag.ack) === 0) {
        this.peer.socket.write(frame(frameType.settings, frameFlag.ack, 0));
      }
      if (type === frameType.headers) this.#reply('head', streamId);
      const carries = type === frameType.headers || type === frameType.data;
      if (carries && (flags & frameFlag.endStream) !== 0) this.#reply('end', streamId);
    }
  }

  #reply(moment: Moment, streamId: number): void {
    const send = this.#ask(moment, this.isHttp2);
    if (send === undefined) return;
    const steps: readonly Step[] = typeof send === 'function' ? send(streamId) : send;
    if (this.isHttp2) void this.peer.follow(steps);
    else this.#say(steps);
  }

  #say(steps: readonly Step[]): void {
    this.#work = this.#work.then(() => this.peer.follow(steps));
  }
}
