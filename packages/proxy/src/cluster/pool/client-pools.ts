import type { AlpnOverride } from '../../model/alpn-override.ts';
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

type CreatePool = (
  downstream: Downstream | undefined,
  alpn: AlpnOverride | undefined,
  serverName?: string,
) => HttpPool;

/** So many pools are kept before those without connections are looked for. */
const fewPools = 64;

/**
 * Connections to a host that not all requests may use: those of one client each, because the endpoint is told who it is
 * or sees its address, and those that offer what a listener wants offered.
 */
export class ClientPools implements HostUser {
  readonly #create: CreatePool;
  readonly #pools = new Map<string, HttpPool>();
  /** Those of all clients, by what they offer; kept as long as the host, and found by the override itself without making a key. */
  readonly #shared = new Map<string, HttpPool>();
  readonly #byAlpn = new WeakMap<AlpnOverride, HttpPool>();
  #sweepAt = fewPools;

  constructor(create: CreatePool) {
    this.#create = create;
  }

  /** The connections for a client, as the rules part them; without one, those of the proxy itself. */
  of(
    downstream: Downstream | undefined,
    rules: SharingRules,
    alpn?: AlpnOverride,
    serverName?: string,
  ): HttpPool {
    const client = downstream === undefined ? '' : keyOf(downstream, rules);
    const ofClient = alpn === undefined ? client : `${client} ${alpnKey(alpn)}`;
    const key = serverName === undefined ? ofClient : `${ofClient} for ${serverName}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      if (this.#pools.size >= this.#sweepAt) this.#sweep();
      pool = this.#create(downstream, alpn, serverName);
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** The connections that all clients share and that offer this. */
  shared(alpn: AlpnOverride): HttpPool {
    let pool = this.#byAlpn.get(alpn);
    if (pool === undefined) {
      // Listeners that offer the same share their connections.
      const key = alpnKey(alpn);
      pool = this.#shared.get(key) ?? this.#create(undefined, alpn);
      this.#shared.set(key, pool);
      this.#byAlpn.set(alpn, pool);
    }
    return pool;
  }

  renew(): void {
    for (const pool of [...this.#pools.values(), ...this.#shared.values()]) pool.renew();
  }

  drain(): void {
    for (const pool of [...this.#pools.values(), ...this.#shared.values()]) pool.drain();
  }

  close(): void {
    for (const pool of [...this.#pools.values(), ...this.#shared.values()]) pool.close();
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

function alpnKey({ http1, http2 }: AlpnOverride): string {
  return `${http1?.join(',') ?? '-'} ${http2?.join(',') ?? '-'}`;
}

/** A connector that makes all its connections for one client, or offers the same on all of them. */
export function connectorFor(
  connector: Connector,
  downstream: Downstream | undefined,
  protocols: readonly string[] | undefined,
  serverName?: string,
): Connector {
  return {
    connect: (host, listener) => connector.connect(host, listener, serverName, downstream, protocols),
  };
}
