import type { Connector, Downstream } from '../connector.ts';
import { downstreamKey } from '../upstream-proxy-header.ts';
import type { HostUser } from '../host.ts';
import type { HttpPool } from './http-pool.ts';

/** So many pools are kept before those without connections are looked for. */
const fewPools = 64;

/** Connections to a host that carry one client's requests each, because the endpoint is told who it is, or sees its address. */
export class ClientPools implements HostUser {
  readonly #create: (downstream: Downstream | undefined) => HttpPool;
  readonly #pools = new Map<string, HttpPool>();
  #sweepAt = fewPools;

  constructor(create: (downstream: Downstream | undefined) => HttpPool) {
    this.#create = create;
  }

  /** The connections for a client, who is told to the endpoint where `told`; without one, those of the proxy itself. */
  of(downstream: Downstream | undefined, told: boolean): HttpPool {
    const key = downstream === undefined ? '' : keyOf(downstream, told);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      if (this.#pools.size >= this.#sweepAt) this.#sweep();
      pool = this.#create(downstream);
      this.#pools.set(key, pool);
    }
    return pool;
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

function keyOf(downstream: Downstream, told: boolean): string {
  const { source } = downstream;
  const from = source === undefined ? '' : `${source.address} ${source.port} ${source.mark} `;
  return told ? from + downstreamKey(downstream) : from;
}

/** A connector that makes all its connections for one client. */
export function connectorFor(connector: Connector, downstream: Downstream | undefined): Connector {
  return {
    connect: (host, listener, serverName) => connector.connect(host, listener, serverName, downstream),
  };
}
