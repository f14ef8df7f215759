import type { Connector, Downstream } from '../connector.ts';
import { downstreamKey } from '../upstream-proxy-header.ts';
import type { HttpPool, StreamWaiter } from './http-pool.ts';

/** So many pools are kept before those without connections are looked for. */
const fewPools = 64;

/** Connections to a host that carry one client's requests each, because the endpoint is told at their start who it is. */
export class ClientPools implements HttpPool {
  readonly #create: (downstream: Downstream | undefined) => HttpPool;
  readonly #pools = new Map<string, HttpPool>();
  #sweepAt = fewPools;

  constructor(create: (downstream: Downstream | undefined) => HttpPool) {
    this.#create = create;
  }

  /** The connections for a client; without one, those on which the proxy speaks for itself. */
  of(downstream: Downstream | undefined): HttpPool {
    const key = downstream === undefined ? '' : downstreamKey(downstream);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      if (this.#pools.size >= this.#sweepAt) this.#sweep();
      pool = this.#create(downstream);
      this.#pools.set(key, pool);
    }
    return pool;
  }

  get empty(): boolean {
    return [...this.#pools.values()].every((pool) => pool.empty);
  }

  acquire(waiter: StreamWaiter, priority: 'default' | 'high', fresh: boolean): void {
    this.of(undefined).acquire(waiter, priority, fresh);
  }

  cancel(waiter: StreamWaiter): void {
    this.of(undefined).cancel(waiter);
  }

  drain(): void {
    for (const pool of this.#pools.values()) pool.drain();
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close();
  }

  #sweep(): void {
    for (const [key, pool] of this.#pools) if (pool.empty) this.#pools.delete(key);
    this.#sweepAt = Math.max(fewPools, 2 * this.#pools.size);
  }
}

/** A connector that makes all its connections for one client. */
export function connectorFor(connector: Connector, downstream: Downstream | undefined): Connector {
  return {
    connect: (host, listener, serverName) => connector.connect(host, listener, serverName, downstream),
  };
}
