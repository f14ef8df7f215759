import { NumberMap } from '@lateen/core';
import type { ConnectionEnd } from '../../codec/connection-end.ts';
import type { HeadPool } from '../../codec/head.ts';
import { Http1ClientConnection, type ClientConnectionOwner } from '../../http1/client-connection.ts';
import type { Http1ClientOptions } from '../../http1/client-options.ts';
import type { CoarseTimers } from '../../timer/coarse-timers.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Breakers } from '../breakers.ts';
import type { Connector } from '../connector.ts';
import type { Host } from '../host.ts';
import { ConnectionLifetimes } from './connection-lifetimes.ts';
import type { ClusterStats } from '../../telemetry/cluster-stats.ts';
import type { HttpPool, StreamWaiter } from './http-pool.ts';
import { OpeningConnections } from './opening-connections.ts';
import { StreamQueue } from './stream-queue.ts';

/** What a pool needs from its cluster. */
export interface PoolContext {
  readonly connector: Connector;
  readonly stats: ClusterStats;
  /** Of one endpoint. */
  readonly maxHostConnections: number;
  /** Connections for each request that is under way (Envoy, `per_upstream_preconnect_ratio`); 1: none ahead of it. */
  readonly preconnectRatio: number;
  readonly breakersOf: (priority: 'default' | 'high') => Breakers;
  readonly nextConnectionId: () => number;
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
  readonly #queue: StreamQueue;
  readonly #opening: OpeningConnections;
  /** Every connection, idle or not, by its id. */
  readonly #connections = new NumberMap<{
    readonly connection: Http1ClientConnection;
    readonly breakers: Breakers;
  }>();
  #draining = false;
  readonly #lifetimes: ConnectionLifetimes<Http1ClientConnection> | undefined;

  constructor(host: Host, context: PoolContext) {
    this.#host = host;
    this.#context = context;
    this.#queue = new StreamQueue(context, host);
    this.#opening = new OpeningConnections(
      host,
      context,
      'upstreamCxHttp1Total',
      this.#queue,
      (wire, breakers) => this.#connected(wire, breakers),
    );
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
    if (this.#idle.length > 0 && !fresh) {
      if (!this.#queue.admits(waiter, priority)) return;
      const connection = this.#idle.pop() as Http1ClientConnection;
      waiter.onStreamReady(connection.attach(waiter));
      if (this.#context.preconnectRatio > 1) this.#preconnect(priority);
      return;
    }
    const breakers = this.#queue.add(waiter, priority);
    if (breakers === undefined) return;
    this.#connectFor(breakers);
    if (this.#context.preconnectRatio > 1) this.#preconnect(priority);
  }

  /** Makes connections that the next requests will find, to a host that is well; at most a few at once, as Envoy. */
  #preconnect(priority: 'default' | 'high'): void {
    if (this.#draining || !this.#host.healthy) return;
    const { breakersOf, preconnectRatio, maxHostConnections } = this.#context;
    const breakers = breakersOf(priority);
    for (let made = 0; made < maxPreconnects; made++) {
      const free = this.#idle.length + this.#opening.size;
      const active = this.#connections.size - this.#idle.length;
      if ((this.#queue.length + active) * preconnectRatio <= free + active) return;
      if (!breakers.mayConnect() || this.#host.connections >= maxHostConnections) return;
      this.#opening.open(breakers);
    }
  }

  cancel(waiter: StreamWaiter): void {
    this.#queue.cancel(waiter);
  }

  get empty(): boolean {
    return this.#connections.size + this.#opening.size + this.#queue.length === 0;
  }

  renew(): void {
    for (const { connection } of this.#connections.values()) connection.closeWhenIdle();
  }

  drain(): void {
    this.#draining = true;
    this.renew();
  }

  close(): void {
    this.#draining = true;
    this.#opening.close();
    for (const { connection } of this.#connections.values()) connection.reset();
  }

  onConnectionIdle(connection: Http1ClientConnection): boolean {
    if (this.#queue.length > 0) return true;
    this.#keep(connection);
    return false;
  }

  serveNext(connection: Http1ClientConnection): void {
    this.#serve(connection);
    // As Envoy, those that still wait: limits that others had reached may leave room by now.
    if (this.#queue.length > this.#opening.size) this.#connectForWaiting();
  }

  #serve(connection: Http1ClientConnection): void {
    const waiter = this.#queue.take();
    if (waiter === undefined) this.#keep(connection);
    else waiter.onStreamReady(connection.attach(waiter));
  }

  #keep(connection: Http1ClientConnection): void {
    if (this.#draining) {
      connection.closeWhenIdle();
      return;
    }
    this.#idle.push(connection);
    connection.startIdle();
  }

  onConnectionClosed(connection: Http1ClientConnection, end: ConnectionEnd): void {
    const { stats } = this.#context;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    const breakers = this.#connections.get(connection.connectionId)?.breakers;
    this.#connections.delete(connection.connectionId);
    this.#lifetimes?.end(connection);
    if (breakers !== undefined) {
      breakers.countConnection(-1);
      stats.countClosed(end);
      this.#host.countConnection(-1);
      this.#connectForWaiting();
    }
  }

  /** For requests that wait longer than for the connections that are being made; a few at once, as Envoy. */
  #connectForWaiting(): void {
    for (let made = 0; made < maxPreconnects && this.#queue.length > this.#opening.size; made++) {
      const { breakers } = this.#queue;
      if (breakers === undefined || !this.#connectFor(breakers)) return;
    }
  }

  /** False where the limits let none be made. */
  #connectFor(breakers: Breakers): boolean {
    const { stats } = this.#context;
    const busy = this.#connections.size - this.#idle.length;
    const mayConnect = breakers.mayConnect() && this.#host.connections < this.#context.maxHostConnections;
    if (!mayConnect && busy + this.#opening.size > 0) {
      // One that exists will serve the request in its turn.
      stats.n.upstreamCxOverflow++;
      return false;
    }
    if (!mayConnect) stats.n.upstreamCxOverflow++;
    this.#opening.open(breakers);
    return true;
  }

  #connected(wire: Wire, breakers: Breakers): void {
    const { http1, heads, timers } = this.#context;
    const connection = new Http1ClientConnection(wire, http1, this, heads, timers);
    connection.connectionId = this.#context.nextConnectionId();
    this.#connections.set(connection.connectionId, { connection, breakers });
    this.#lifetimes?.begin(connection);
    this.#serve(connection);
  }
}
