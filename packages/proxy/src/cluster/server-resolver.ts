import { Resolver } from 'node:dns/promises';
import { codeOf } from '@lateen/core';
import type { NameResolver } from './name-resolver.ts';

interface AddressRecord {
  readonly address: string;
  readonly ttl: number;
}

/** Asks these name servers, as `10.0.0.10:53`, for names as they are: no hosts file, no search domains. */
export function serverResolver(servers: readonly string[]): NameResolver {
  const resolver = new Resolver();
  resolver.setServers(servers);
  const ask = async (name: string, family: 4 | 6): Promise<readonly AddressRecord[]> => {
    try {
      return family === 4
        ? await resolver.resolve4(name, { ttl: true })
        : await resolver.resolve6(name, { ttl: true });
    } catch (error) {
      if (codeOf(error) === 'ENODATA') return [];
      throw error;
    }
  };
  const either = async (name: string, first: 4 | 6, second: 4 | 6): Promise<readonly AddressRecord[]> => {
    const found = await ask(name, first);
    return found.length > 0 ? found : ask(name, second);
  };
  const find: Readonly<
    Record<Parameters<NameResolver>[1], (name: string) => Promise<readonly AddressRecord[]>>
  > = {
    v4_only: (name) => ask(name, 4),
    v6_only: (name) => ask(name, 6),
    auto: (name) => either(name, 6, 4),
    v4_preferred: (name) => either(name, 4, 6),
    all: async (name) => (await Promise.all([ask(name, 6), ask(name, 4)])).flat(),
  };
  return async (name, family) => {
    const records = await find[family](name);
    if (records.length === 0) throw new Error(`the name servers know no address of ${name}`);
    return {
      addresses: records.map(({ address }) => address),
      ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1_000,
    };
  };
}
