import { connectionEnd, type ConnectionEnd } from '../../codec/connection-end.ts';
import type { HeadPool } from '../../codec/head.ts';
import {
  Http1ClientConnection,
  type ClientConnectionOwner,
  type Http1ClientOptions,
} from '../../http1/client-connection.ts';
import type { CoarseTimers } from '../../timer/coarse-timers.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Breakers } from '../breakers.ts';
import type { ConnectFailure, Connector, PendingConnection } from '../connector.ts';
import type { Host } from '../host.ts';
import { ConnectionLifetimes } from './connection-lifetimes.ts';
import type { ClusterStats } from '../../telemetry/cluster-stats.ts';
import type { HttpPool, StreamWaiter } from './http-pool.ts';

interface Waiting {
  readonly waiter: StreamWaiter;
  readonly breakers: Breakers;
}

/** What a pool needs from its cluster. */
export interface PoolContext {
  readonly connector: Connector;
  readonly stats: ClusterStats;
  /** Of one endpoint. */
  readonly maxHostConnections: number;
  /** Connections for each request that is under way (Envoy, `per_upstream_preconnect_ratio`); 1: none ahead of it. */
  readonly preconnectRatio: number;
  readonly breakersOf: (priority: 'default' | 'high') => Breakers;
  readonly http1: Http1ClientOptions;
  /** 0: no limit. */
  readonly maxConnectionDurationMs: number;
  readonly heads: HeadPool;
  readonly timers: CoarseTimers;
}

/** Source: Envoy's connection pool, which tries to make three for each stream. */
const maxPreconnects = 3;

/**
 * HTTP/1 connections to one host: the most recently used idle one first, so that those not needed
 * run into their idle timeout; a new one for each request that finds none.
 */
export class Http1Pool implements HttpPool, ClientConnectionOwner {
  readonly #host: Host;
  readonly #context: PoolContext;
  readonly #idle: Http1ClientConnection[] = [];
  readonly #connecting = new Map<PendingConnection, Breakers>();
  #waiting: Waiting[] = [];
  /** Of every connection, idle or not. */
  readonly #breakersOfConnection = new Map<Http1ClientConnection, Breakers>();
  #draining = false;
  readonly #lifetimes: ConnectionLifetimes<Http1ClientConnection> | undefined;

  constructor(host: Host, context: PoolContext) {
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

  acquire(waiter: StreamWaiter, priority: 'default' | 'high', fresh: boolean): void {
    const connection = fresh ? undefined : this.#idle.pop();
    if (connection !== undefined) {
      waiter.onStreamReady(connection.attach(waiter));
      if (this.#context.preconnectRatio > 1) this.#preconnect(priority);
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
    if (this.#context.preconnectRatio > 1) this.#preconnect(priority);
  }

  /** Makes connections that the next requests will find, to a host that is well; at most a few at once, as Envoy. */
  #preconnect(priority: 'default' | 'high'): void {
    if (this.#draining || !this.#host.healthy) return;
    const { breakersOf, preconnectRatio, maxHostConnections } = this.#context;
    const breakers = breakersOf(priority);
    for (let made = 0; made < maxPreconnects; made++) {
      const free = this.#idle.length + this.#connecting.size;
      const active = this.#breakersOfConnection.size - this.#idle.length;
      if ((this.#waiting.length + active) * preconnectRatio <= free + active) return;
      if (!breakers.mayConnect() || this.#host.connections >= maxHostConnections) return;
      this.#connect(breakers);
    }
  }

  cancel(waiter: StreamWaiter): void {
    const at = this.#waiting.findIndex((w) => w.waiter === waiter);
    if (at < 0) return;
    const [waiting] = this.#waiting.splice(at, 1);
    if (waiting !== undefined) this.#leaveQueue(waiting);
  }

  get empty(): boolean {
    return this.#breakersOfConnection.size + this.#connecting.size + this.#waiting.length === 0;
  }

  drain(): void {
    this.#draining = true;
    for (const connection of this.#breakersOfConnection.keys()) connection.closeWhenIdle();
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
    for (const connection of this.#breakersOfConnection.keys()) connection.reset();
  }

  onConnectionIdle(connection: Http1ClientConnection): void {
    if (this.#draining) {
      connection.closeWhenIdle();
      return;
    }
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      this.#leaveQueue(waiting);
      waiting.waiter.onStreamReady(connection.attach(waiting.waiter));
      return;
    }
    this.#idle.push(connection);
    connection.startIdle();
  }

  onConnectionClosed(connection: Http1ClientConnection, end: ConnectionEnd): void {
    const { stats } = this.#context;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    const breakers = this.#breakersOfConnection.get(connection);
    this.#breakersOfConnection.delete(connection);
    this.#lifetimes?.end(connection);
    if (breakers !== undefined) {
      breakers.countConnection(-1);
      stats.countClosed(end);
      this.#host.countConnection(-1);
      if (this.#waiting.length > this.#connecting.size) this.#connectFor(breakers);
    }
  }

  #connectFor(breakers: Breakers): void {
    const { stats } = this.#context;
    const busy = this.#breakersOfConnection.size - this.#idle.length;
    const mayConnect = breakers.mayConnect() && this.#host.connections < this.#context.maxHostConnections;
    if (!mayConnect && busy + this.#connecting.size > 0) {
      // One that exists will serve the request in its turn.
      stats.n.upstreamCxOverflow++;
      return;
    }
    if (!mayConnect) stats.n.upstreamCxOverflow++;
    this.#connect(breakers);
  }

  #connect(breakers: Breakers): void {
    const { stats, connector } = this.#context;
    breakers.countConnection(1);
    stats.n.upstreamCxTotal++;
    stats.n.upstreamCxHttp1Total++;
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
    const { http1, heads, timers } = this.#context;
    const connection = new Http1ClientConnection(wire, http1, this, heads, timers);
    this.#breakersOfConnection.set(connection, breakers);
    this.#lifetimes?.begin(connection);
    this.onConnectionIdle(connection);
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
