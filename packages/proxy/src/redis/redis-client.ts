import type { ConnectFailure, ConnectListener, PendingConnection } from '../cluster/connector.ts';
import type { Host, HostUser } from '../cluster/host.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import { connectionEnd, type ConnectionEnd } from '../codec/connection-end.ts';
import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { countedReply, type CommandCounts } from './counted-reply.ts';
import { ReplyReader, RespError, type Reply } from './resp-reader.ts';

/** Hears what became of a request; one of the two is called, once. */
export interface ReplyListener {
  onReply(reply: Reply): void;
  /** The text of an error for the client. */
  onFailure(text: string): void;
}

/** What clients are made with. */
export interface RedisClientContext {
  readonly timers: CoarseTimers;
  readonly opTimeoutMs: number;
  /** How long a connection stays that carries nothing; 0: for ever. */
  readonly idleTimeoutMs: number;
  /** Undefined: commands are not counted by cluster. */
  readonly counts: CommandCounts | undefined;
  /** Sent first on a new connection. */
  readonly greetings: readonly Buffer[];
}

/** Whom nobody waits for. */
export const nobody: ReplyListener = { onReply() {}, onFailure() {} };

/** One connection to one endpoint, on which the requests of many clients follow each other. */
export class RedisClient implements Expirable, ConnectListener, WireHandler, HostUser {
  countdown: Countdown | undefined = undefined;
  readonly #cluster: UpstreamCluster;
  readonly #host: Host;
  readonly #context: RedisClientContext;
  readonly #reader = new ReplyReader((reply) => this.#onReply(reply));
  /** In the order in which they were sent. */
  #waiting: ReplyListener[] = [];
  #first = 0;
  #early: Buffer[] = [];
  #connecting: PendingConnection | undefined;
  #wire: Wire | undefined;
  #draining = false;
  /** True once it takes no further request. */
  over = false;

  constructor(cluster: UpstreamCluster, host: Host, context: RedisClientContext) {
    this.#cluster = cluster;
    this.#host = host;
    this.#context = context;
    const { n } = cluster.stats;
    cluster.breakers('default').countConnection(1);
    n.upstreamCxTotal++;
    n.upstreamCxActive++;
    host.cxTotal++;
    host.countConnection(1);
    (host.others ??= new Set()).add(this);
    this.#connecting = cluster.connector.connect(host, this);
    for (const greeting of context.greetings) {
      n.upstreamRqTotal++;
      host.rqTotal++;
      this.#write(greeting, greeter);
    }
  }

  /** Sends a request after those before it; fails at once where the connection is over. */
  send(request: Buffer, listener: ReplyListener): void {
    if (this.over) {
      listener.onFailure('upstream failure');
      return;
    }
    const { n } = this.#cluster.stats;
    n.upstreamRqTotal++;
    n.upstreamRqActive++;
    this.#host.rqTotal++;
    this.#host.active++;
    const { counts } = this.#context;
    this.#write(request, counts === undefined ? listener : countedReply(request, listener, counts));
  }

  drain(): void {
    this.#draining = true;
    if (this.#outstanding === 0) this.#fail('upstream failure', 'proxy');
  }

  close(): void {
    this.#fail('upstream failure', 'proxy');
  }

  // The connection

  onConnected(wire: Wire): void {
    this.#connecting = undefined;
    this.#wire = wire;
    wire.handler = this;
    wire.countInto(this.#cluster.stats.bytes);
    this.#cluster.outlier?.onTcpConnected(this.#host);
    for (const bytes of this.#early) wire.write(bytes, 0, bytes.length);
    this.#early = [];
  }

  onFailed(failure: ConnectFailure): void {
    this.#connecting = undefined;
    const { stats, outlier } = this.#cluster;
    stats.n.upstreamCxConnectFail++;
    this.#host.cxConnectFail++;
    if (failure === 'connect_timeout') {
      stats.n.upstreamCxConnectTimeout++;
      outlier?.onTimeout(this.#host);
    } else outlier?.onConnectFailure(this.#host);
    this.#fail('upstream failure', 'endpoint');
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    try {
      this.#reader.push(buffer, start, end);
    } catch (error) {
      if (!(error instanceof RespError)) throw error;
      this.#fail('upstream failure', 'proxy', 'protocol_error');
      return;
    }
    if (this.#draining && this.#outstanding === 0) this.close();
    else this.#startTimer();
  }

  onEnd(): void {
    this.#fail('upstream failure', 'endpoint');
  }

  onDrain(): void {}

  onClose(): void {
    this.#fail('upstream failure', 'endpoint');
  }

  onExpire(): void {
    if (this.#outstanding === 0) {
      this.#fail('upstream failure', 'proxy', 'idle_timeout');
      return;
    }
    // The endpoint took too long for an answer; what comes after it cannot be told apart any more.
    this.#cluster.stats.n.upstreamRqTimeout++;
    this.#host.rqTimeout++;
    this.#cluster.outlier?.onTimeout(this.#host);
    this.#fail('upstream failure', 'proxy');
  }

  get #outstanding(): number {
    return this.#waiting.length - this.#first;
  }

  #write(request: Buffer, listener: ReplyListener): void {
    this.#waiting.push(listener);
    if (this.#outstanding === 1) this.#startTimer();
    if (this.#wire === undefined) this.#early.push(request);
    else this.#wire.write(request, 0, request.length);
  }

  #startTimer(): void {
    if (this.over) return;
    const { timers, opTimeoutMs, idleTimeoutMs } = this.#context;
    const ms = this.#outstanding > 0 ? opTimeoutMs : idleTimeoutMs;
    if (ms > 0) timers.start(this, ms);
    else timers.stop(this);
  }

  #onReply(reply: Reply): void {
    const listener = this.#waiting[this.#first];
    // Nobody has asked: what follows cannot be trusted either.
    if (listener === undefined) throw new RespError('an answer to nothing');
    this.#first++;
    if (this.#first === this.#waiting.length) {
      this.#waiting = [];
      this.#first = 0;
    }
    this.#count(listener, reply[0] !== errorByte);
    listener.onReply(reply);
  }

  /** The greeting is no request of anybody's. */
  #count(listener: ReplyListener, good: boolean): void {
    if (listener === greeter) return;
    this.#cluster.stats.n.upstreamRqActive--;
    this.#host.active--;
    if (good) this.#host.rqSuccess++;
    else this.#host.rqError++;
  }

  #fail(text: string, by: 'endpoint' | 'proxy', cause: ConnectionEnd['cause'] = 'none'): void {
    if (this.over) return;
    this.over = true;
    const { stats } = this.#cluster;
    this.#context.timers.stop(this);
    this.#connecting?.cancel();
    this.#host.others?.delete(this);
    this.#host.countConnection(-1);
    this.#cluster.breakers('default').countConnection(-1);
    const waiting = this.#waiting.slice(this.#first);
    this.#waiting = [];
    this.#first = 0;
    stats.countClosed(connectionEnd(by === 'endpoint', waiting.length > 0, cause));
    this.#wire?.destroy();
    for (const listener of waiting) {
      this.#count(listener, false);
      listener.onFailure(text);
    }
  }
}

/** Hears the answer to the greeting. */
const greeter: ReplyListener = { onReply() {}, onFailure() {} };
const errorByte = 45;
