import { connectionEnd, type ConnectionEnd } from '../../codec/connection-end.ts';
import type { HeadPool } from '../../codec/head.ts';
import { Http2ClientConnection, type Http2ClientOwner } from '../../http2/client-connection.ts';
import type { Http2ConnectionOptions } from '../../http2/connection-options.ts';
import type { Http2Stats } from '../../http2/http2-stats.ts';
import type { ClusterStats } from '../../telemetry/cluster-stats.ts';
import type { CoarseTimers } from '../../timer/coarse-timers.ts';
import type { Turn } from '../../wire/turn.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Breakers } from '../breakers.ts';
import type { ConnectFailure, Connector, PendingConnection } from '../connector.ts';
import type { Host } from '../host.ts';
import { ConnectionLifetimes } from './connection-lifetimes.ts';
import type { HttpPool, StreamWaiter } from './http-pool.ts';

interface Waiting {
  readonly waiter: StreamWaiter;
  readonly breakers: Breakers;
}

/** What an HTTP/2 pool needs from its cluster. */
export interface Http2PoolContext {
  readonly connector: Connector;
  readonly stats: ClusterStats;
  readonly breakersOf: (priority: 'default' | 'high') => Breakers;
  readonly http2: Http2ConnectionOptions;
  /** 0: no limit. */
  readonly maxConnectionDurationMs: number;
  /** Of one endpoint. */
  readonly maxHostConnections: number;
  readonly http2Stats: Http2Stats;
  readonly heads: HeadPool;
  readonly timers: CoarseTimers;
  readonly turn: Pick<Turn, 'nowMs'>;
}

/** As many requests share a connection that is being made. */
const waitersAConnection = 100;

/** HTTP/2 connections to one host: one for all requests, a further one when it takes no more streams. */
export class Http2Pool implements HttpPool, Http2ClientOwner {
  readonly #host: Host;
  readonly #context: Http2PoolContext;
  /** Those that may take a stream; the ones that are going away are only in the map. */
  #usable: Http2ClientConnection[] = [];
  readonly #connections = new Map<Http2ClientConnection, Breakers>();
  readonly #connecting = new Map<PendingConnection, Breakers>();
  #waiting: Waiting[] = [];
  #draining = false;
  readonly #lifetimes: ConnectionLifetimes<Http2ClientConnection> | undefined;

  constructor(host: Host, context: Http2PoolContext) {
    this.#host = host;
    this.#context = context;
    const { maxConnectionDurationMs, timers, stats } = context;
    if (maxConnectionDurationMs > 0) {
      this.#lifetimes = new ConnectionLifetimes(
        timers,
        maxConnectionDurationMs,
        () => stats.n.upstreamCxMaxDurationReached++,
      );
    }
  }

  acquire(waiter: StreamWaiter, priority: 'default' | 'high'): void {
    for (const connection of this.#usable) {
      if (!connection.hasRoom) continue;
      waiter.onStreamReady(connection.attach(waiter));
      return;
    }
    const { stats, breakersOf } = this.#context;
    const breakers = breakersOf(priority);
    if (!breakers.mayWait()) {
      stats.n.upstreamRqPendingOverflow++;
      waiter.onPoolFailure('overflow', 'too many pending requests');
      return;
    }
    breakers.countPending(1);
    stats.n.upstreamRqPendingTotal++;
    stats.n.upstreamRqPendingActive++;
    this.#waiting.push({ waiter, breakers });
    this.#connectFor(breakers);
  }

  cancel(waiter: StreamWaiter): void {
    const at = this.#waiting.findIndex((w) => w.waiter === waiter);
    if (at < 0) return;
    const [waiting] = this.#waiting.splice(at, 1);
    if (waiting !== undefined) this.#leaveQueue(waiting);
  }

  get empty(): boolean {
    return this.#connections.size + this.#connecting.size + this.#waiting.length === 0;
  }

  drain(): void {
    this.#draining = true;
    for (const connection of this.#connections.keys()) connection.closeWhenIdle();
  }

  close(): void {
    this.#draining = true;
    for (const [pending, breakers] of this.#connecting) {
      pending.cancel();
      breakers.countConnection(-1);
      this.#context.stats.countClosed(connectionEnd(false, false));
      this.#host.countConnection(-1);
    }
    this.#connecting.clear();
    for (const connection of this.#connections.keys()) connection.close();
  }

  onRoom(connection: Http2ClientConnection): void {
    while (this.#waiting.length > 0 && connection.hasRoom) {
      const waiting = this.#waiting.shift() as Waiting;
      this.#leaveQueue(waiting);
      waiting.waiter.onStreamReady(connection.attach(waiting.waiter));
    }
    if (this.#draining) connection.closeWhenIdle();
  }

  onLeaving(connection: Http2ClientConnection): void {
    const at = this.#usable.indexOf(connection);
    if (at < 0) return;
    this.#usable.splice(at, 1);
    const [next] = this.#waiting;
    if (next !== undefined) this.#connectFor(next.breakers);
  }

  onConnectionClosed(connection: Http2ClientConnection, end: ConnectionEnd): void {
    const breakers = this.#connections.get(connection);
    if (breakers === undefined) return;
    this.#connections.delete(connection);
    this.#lifetimes?.end(connection);
    const { stats } = this.#context;
    breakers.countConnection(-1);
    stats.countClosed(end);
    this.#host.countConnection(-1);
    this.onLeaving(connection);
    const [next] = this.#waiting;
    if (next !== undefined) this.#connectFor(next.breakers);
  }

  #connectFor(breakers: Breakers): void {
    if (this.#connecting.size * waitersAConnection >= this.#waiting.length) return;
    const { stats, connector } = this.#context;
    if (!breakers.mayConnect() || this.#host.connections >= this.#context.maxHostConnections) {
      stats.n.upstreamCxOverflow++;
      // One that exists will serve the request when it has room.
      if (this.#usable.length + this.#connecting.size > 0) return;
    }
    breakers.countConnection(1);
    stats.n.upstreamCxTotal++;
    stats.n.upstreamCxHttp2Total++;
    stats.n.upstreamCxActive++;
    this.#host.cxTotal++;
    this.#host.countConnection(1);
    const pending = connector.connect(this.#host, {
      onConnected: (wire) => this.#connected(pending, wire),
      onFailed: (failure, detail) => this.#connectFailed(pending, failure, detail),
    });
    this.#connecting.set(pending, breakers);
  }

  #connected(pending: PendingConnection, wire: Wire): void {
    const breakers = this.#connecting.get(pending);
    this.#connecting.delete(pending);
    if (breakers === undefined) {
      wire.destroy();
      return;
    }
    const { http2, http2Stats } = this.#context;
    const connection = new Http2ClientConnection(wire, http2, this, this.#context, http2Stats);
    this.#connections.set(connection, breakers);
    this.#lifetimes?.begin(connection);
    this.#usable.push(connection);
    this.onRoom(connection);
  }

  #connectFailed(pending: PendingConnection, failure: ConnectFailure, detail: string): void {
    const breakers = this.#connecting.get(pending);
    if (breakers === undefined) return;
    this.#connecting.delete(pending);
    const { stats } = this.#context;
    breakers.countConnection(-1);
    stats.countConnectFailure(failure === 'connect_timeout', this.#waiting.length);
    this.#host.countConnection(-1);
    this.#host.cxConnectFail++;
    // As Envoy: who waits is told at once, and may try another host.
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      this.#leaveQueue(one);
      one.waiter.onPoolFailure(failure, detail);
    }
  }

  #leaveQueue(waiting: Waiting): void {
    waiting.breakers.countPending(-1);
    this.#context.stats.n.upstreamRqPendingActive--;
  }
}
