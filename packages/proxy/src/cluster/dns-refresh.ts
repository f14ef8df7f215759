import { isIP } from 'node:net';
import { Backoff, messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import type { Cluster, Discovery } from '../model/cluster.ts';
import type { ClusterLoadAssignment, Endpoint } from '../model/endpoint.ts';
import type { NamedAddresses } from '../workers/thread-share.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import type { NameResolver } from './name-resolver.ts';

type DnsDiscovery = Extract<Discovery, { kind: 'strict_dns' | 'logical_dns' }>;

/** What a refresh works with. */
export interface DnsContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly resolve: NameResolver;
  readonly stats: ClusterStats;
  /** What another refresh by the same rules has found: it holds until there is an answer. */
  readonly known?: NamedAddresses | undefined;
  /** The endpoints have changed, or are known for the first time; with what is known of the names now. */
  readonly onEndpoints: (assignment: ClusterLoadAssignment, addresses: NamedAddresses) => void;
}

/** A name whose TTL is 0 is asked for at most so often. */
const shortestMs = 1_000;

/**
 * Resolves the names of a DNS cluster again and again, each by itself: after its TTL where that is to be
 * respected and known, otherwise at the refresh rate, and after failures with a back-off. A name that cannot
 * be resolved keeps the addresses that it had.
 * Source: Envoy, "Service discovery", strict and logical DNS; `dns_refresh_rate`, `respect_dns_ttl`,
 * `dns_failure_refresh_rate`.
 */
export class DnsRefresh {
  readonly discovery: DnsDiscovery;
  readonly #assignment: ClusterLoadAssignment;
  readonly #context: DnsContext;
  readonly #name: string;
  /** Addresses by name; undefined until they are known. */
  readonly #addresses = new Map<string, readonly string[] | undefined>();
  readonly #timers = new Map<string, Timer>();
  #closed = false;
  /** Resolves when each name has been asked for once. */
  readonly asked: Promise<void>;

  constructor(
    cluster: Cluster,
    discovery: DnsDiscovery,
    assignment: ClusterLoadAssignment,
    context: DnsContext,
  ) {
    this.#name = cluster.name;
    this.discovery = discovery;
    this.#assignment = assignment;
    this.#context = context;
    for (const name of namesIn(assignment)) this.#addresses.set(name, context.known?.get(name));
    if (this.#addresses.size === 0) {
      context.onEndpoints(assignment, this.#addresses);
      this.asked = Promise.resolve();
      return;
    }
    if ([...this.#addresses.values()].some((one) => one !== undefined)) this.#tell();
    const { failureBaseMs, failureMaxMs, refreshMs } = discovery;
    const asked: Promise<void>[] = [];
    for (const name of this.#addresses.keys()) {
      const backoff = new Backoff({
        baseMs: failureBaseMs ?? refreshMs,
        maxMs: failureMaxMs ?? failureBaseMs ?? refreshMs,
        // Without a back-off of its own a failure is tried again at the refresh rate.
        jitter: failureBaseMs === undefined ? 0 : 0.5,
        random: context.random,
      });
      asked.push(this.#resolve(name, backoff));
    }
    this.asked = Promise.all(asked).then(() => {});
  }

  /** The addresses of each name; undefined where they are not known yet. */
  get addresses(): NamedAddresses {
    return this.#addresses;
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  async #resolve(name: string, backoff: Backoff): Promise<void> {
    const { clock, logger, resolve, stats } = this.#context;
    const { family, respectTtl, refreshMs } = this.discovery;
    stats.lookups.n.attempt++;
    let nextMs: number;
    try {
      const { addresses, ttlMs } = await resolve(name, family, respectTtl);
      if (this.#closed) return;
      stats.lookups.n.success++;
      backoff.reset();
      nextMs = respectTtl && ttlMs !== undefined ? Math.max(shortestMs, ttlMs) : refreshMs;
      this.#take(name, addresses);
    } catch (error) {
      if (this.#closed) return;
      stats.lookups.n.failure++;
      logger.debug(`${name} cannot be resolved: ${messageOf(error)}`, { cluster: this.#name });
      nextMs = backoff.nextMs();
    }
    this.#timers.set(
      name,
      clock.after(nextMs, () => void this.#resolve(name, backoff)),
    );
  }

  #take(name: string, addresses: readonly string[]): void {
    const used = this.discovery.kind === 'logical_dns' ? addresses.slice(0, 1) : addresses;
    const before = this.#addresses.get(name);
    // The order of an answer changes from one to the next and means nothing.
    const same =
      before !== undefined && before.length === used.length && used.every((one) => before.includes(one));
    if (same) return;
    this.#addresses.set(name, used);
    this.#tell();
  }

  #tell(): void {
    this.#context.onEndpoints(resolved(this.#assignment, this.#addresses), this.#addresses);
  }
}

/** The names that an assignment has in place of addresses. */
export function namesIn({ localities }: ClusterLoadAssignment): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { endpoints } of localities) {
    for (const { address } of endpoints) {
      if (address.kind === 'socket' && isIP(address.address) === 0) names.add(address.address);
    }
  }
  return names;
}

/** The assignment with its names replaced by what is known of them. */
export function resolved(
  assignment: ClusterLoadAssignment,
  addresses: NamedAddresses,
): ClusterLoadAssignment {
  return {
    ...assignment,
    localities: assignment.localities.map((locality) => ({
      ...locality,
      endpoints: locality.endpoints.flatMap((endpoint) => addressesOf(endpoint, addresses)),
    })),
  };
}

function addressesOf(endpoint: Endpoint, addresses: NamedAddresses): Endpoint[] {
  const { address } = endpoint;
  if (address.kind === 'pipe' || !addresses.has(address.address)) return [endpoint];
  return (addresses.get(address.address) ?? []).map((ip) => ({
    ...endpoint,
    address: { kind: 'socket', address: ip, port: address.port },
    hostname: endpoint.hostname === '' ? address.address : endpoint.hostname,
  }));
}
