import type { LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import type { Discovery } from '../model/cluster.ts';

type DnsFamily = Extract<Discovery, { kind: 'strict_dns' | 'logical_dns' }>['family'];

/** What a name stands for. */
export interface ResolvedName {
  /** In the order of preference. */
  readonly addresses: readonly string[];
  /** How long that holds; undefined where it cannot be known (the hosts file, search domains). */
  readonly ttlMs: number | undefined;
}

/** Resolves a name; rejects where it cannot. `wantTtl`: also ask how long the answer holds. */
export type NameResolver = (name: string, family: DnsFamily, wantTtl: boolean) => Promise<ResolvedName>;

/** The addresses that count, of all that a name has: `auto` takes those of IPv4 only where there are no others (Envoy). */
export function ofFamily(family: DnsFamily, found: readonly LookupAddress[]): readonly string[] {
  const v4 = found.filter((one) => one.family === 4).map((one) => one.address);
  const v6 = found.filter((one) => one.family === 6).map((one) => one.address);
  const [first, second] = family === 'v4_preferred' ? [v4, v6] : [v6, v4];
  return family === 'all' || first.length === 0 ? [...first, ...second] : first;
}

/** Through the system's resolver: hosts file, search domains, and all that the machine has set up. */
export function systemResolver(): NameResolver {
  let servers: Resolver | undefined;
  /** The system's resolver does not tell the TTL; the name servers do. */
  async function ttlOf(name: string, family: 4 | 6): Promise<number | undefined> {
    servers ??= new Resolver({ tries: 1 });
    try {
      const records =
        family === 4
          ? await servers.resolve4(name, { ttl: true })
          : await servers.resolve6(name, { ttl: true });
      return Math.min(...records.map(({ ttl }) => ttl)) * 1_000;
    } catch {
      return undefined;
    }
  }
  return async (name, family, wantTtl) => {
    const wanted = family === 'v4_only' ? 4 : family === 'v6_only' ? 6 : 0;
    const addresses = ofFamily(family, await lookup(name, { all: true, family: wanted }));
    const ttlMs = wantTtl ? await ttlOf(name, isIPv6(addresses.at(-1) ?? '') ? 6 : 4) : undefined;
    return { addresses, ttlMs };
  };
}
