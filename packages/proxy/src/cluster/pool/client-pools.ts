import type { Connector, Downstream } from '../connector.ts';
import { downstreamKey } from '../upstream-proxy-header.ts';
import type { HostUser } from '../host.ts';
import type { HttpPool } from './http-pool.ts';

/** Who does not share connections. */
export interface SharingRules {
  /** Clients that the endpoint is told of at the beginning. */
  readonly told: boolean;
  /** Every connection of a client. */
  readonly poolPerConnection: boolean;
}

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

  /** The connections for a client, as the rules part them; without one, those of the proxy itself. */
  of(downstream: Downstream | undefined, rules: SharingRules): HttpPool {
    const key = downstream === undefined ? '' : keyOf(downstream, rules);
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

function keyOf(downstream: Downstream, rules: SharingRules): string {
  const { source, id } = downstream;
  if (rules.poolPerConnection) return String(id);
  const from = source === undefined ? '' : `${source.address} ${source.port} ${source.mark} `;
  return rules.told ? from + downstreamKey(downstream) : from;
}

/** A connector that makes all its connections for one client. */
export function connectorFor(connector: Connector, downstream: Downstream | undefined): Connector {
  return {
    connect: (host, listener, serverName) => connector.connect(host, listener, serverName, downstream),
  };
}
