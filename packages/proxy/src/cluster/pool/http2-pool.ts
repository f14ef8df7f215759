import { NumberMap } from '@lateen/core';
import type { ConnectionEnd } from '../../codec/connection-end.ts';
import type { HeadPool } from '../../codec/head.ts';
import { Http2ClientConnection, type Http2ClientOwner } from '../../http2/client-connection.ts';
import type { Http2ConnectionOptions } from '../../http2/connection-options.ts';
import type { Http2Stats } from '../../telemetry/http2-stats.ts';
import type { ClusterStats } from '../../telemetry/cluster-stats.ts';
import type { CoarseTimers } from '../../timer/coarse-timers.ts';
import type { Turn } from '../../wire/turn.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Breakers } from '../breakers.ts';
import type { Connector } from '../connector.ts';
import type { Host } from '../host.ts';
import { ConnectionLifetimes } from './connection-lifetimes.ts';
import type { HttpPool, StreamWaiter } from './http-pool.ts';
import { OpeningConnections } from './opening-connections.ts';
import { StreamQueue } from './stream-queue.ts';

/** What an HTTP/2 pool needs from its cluster. */
export interface Http2PoolContext {
  readonly connector: Connector;
  readonly stats: ClusterStats;
  readonly breakersOf: (priority: 'default' | 'high') => Breakers;
  readonly nextConnectionId: () => number;
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

/** As many requests share a connection of which nothing is known yet. */
const streamsOfUnknown = 100;

/** HTTP/2 connections to one host: one for all requests, a further one when it takes no more streams. */
export class Http2Pool implements HttpPool, Http2ClientOwner {
  readonly #host: Host;
  readonly #context: Http2PoolContext;
  /** Those that may take a stream; the ones that are going away are only in the map. */
  #usable: Http2ClientConnection[] = [];
  /** By their ids. */
  readonly #connections = new NumberMap<{
    readonly connection: Http2ClientConnection;
    readonly breakers: Breakers;
  }>();
  readonly #queue: StreamQueue;
  readonly #opening: OpeningConnections;
  #draining = false;
  /** What a new connection is expected to take: streams above the endpoint's limit would be refused. */
  #expectedStreams = streamsOfUnknown;
  readonly #lifetimes: ConnectionLifetimes<Http2ClientConnection> | undefined;

  constructor(host: Host, context: Http2PoolContext) {
    this.#host = host;
    this.#context = context;
    this.#queue = new StreamQueue(context, host);
    this.#opening = new OpeningConnections(
      host,
      context,
      'upstreamCxHttp2Total',
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

  acquire(waiter: StreamWaiter, priority: 'default' | 'high'): void {
    for (const connection of this.#usable) {
      if (!connection.hasRoom) continue;
      if (!this.#queue.admits(waiter, priority)) return;
      waiter.onStreamReady(connection.attach(waiter));
      return;
    }
    const breakers = this.#queue.add(waiter, priority);
    if (breakers !== undefined) this.#connectFor(breakers);
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
    for (const { connection } of this.#connections.values()) connection.close();
  }

  onRoom(connection: Http2ClientConnection): void {
    while (connection.hasRoom) {
      const waiter = this.#queue.take();
      if (waiter === undefined) break;
      waiter.onStreamReady(connection.attach(waiter));
    }
    if (this.#draining) connection.closeWhenIdle();
  }

  onLeaving(connection: Http2ClientConnection): void {
    const at = this.#usable.indexOf(connection);
    if (at < 0) return;
    this.#usable.splice(at, 1);
    this.#connectForNext();
  }

  onConnectionClosed(connection: Http2ClientConnection, end: ConnectionEnd): void {
    const breakers = this.#connections.get(connection.connectionId)?.breakers;
    if (breakers === undefined) return;
    this.#connections.delete(connection.connectionId);
    this.#lifetimes?.end(connection);
    const { stats } = this.#context;
    breakers.countConnection(-1);
    stats.countClosed(end);
    this.#host.countConnection(-1);
    this.onLeaving(connection);
    this.#connectForNext();
  }

  #connectForNext(): void {
    const { breakers } = this.#queue;
    if (breakers !== undefined) this.#connectFor(breakers);
  }

  #connectFor(breakers: Breakers): void {
    if (this.#opening.size * this.#expectStreams() >= this.#queue.length) return;
    const { stats } = this.#context;
    if (!breakers.mayConnect() || this.#host.connections >= this.#context.maxHostConnections) {
      stats.n.upstreamCxOverflow++;
      // One that exists will serve the request when it has room.
      if (this.#usable.length + this.#opening.size > 0) return;
    }
    this.#opening.open(breakers);
  }

  #connected(wire: Wire, breakers: Breakers): void {
    const { http2, http2Stats } = this.#context;
    const expected = this.#expectStreams();
    const connection = new Http2ClientConnection(wire, http2, this, this.#context, http2Stats, expected);
    connection.connectionId = this.#context.nextConnectionId();
    this.#connections.set(connection.connectionId, { connection, breakers });
    this.#lifetimes?.begin(connection);
    this.#usable.push(connection);
    this.onRoom(connection);
  }

  /** As many as the last connection that had settings. */
  #expectStreams(): number {
    for (const { connection } of this.#connections.values()) {
      const { streamLimit } = connection;
      if (streamLimit !== undefined)
        this.#expectedStreams = Math.max(1, Math.min(streamLimit, streamsOfUnknown));
    }
    return this.#expectedStreams;
  }
}
