import type { CidrRange } from '@lateen/protocol/envoy/config/core/v3';
import type { FilterChain } from '@lateen/protocol/envoy/config/listener/v3';

/** Blocks of addresses; a bare address is a block of one. */
export function prefixRanges(subnets: readonly string[]): CidrRange[] {
  return subnets.map((subnet) => {
    const slash = subnet.indexOf('/');
    const addressPrefix = slash === -1 ? subnet : subnet.slice(0, slash);
    const whole = addressPrefix.includes(':') ? 128 : 32;
    return { addressPrefix, prefixLen: slash === -1 ? whole : Number(subnet.slice(slash + 1)) };
  });
}

/**
 * Leaves each connection to the first chain that wants it: of later ones the server names and blocks of addresses that
 * are taken are left out, and a chain for which nothing remains goes. Envoy refuses the whole listener where two chains
 * want the same ("multiple filter chains with overlapping matching rules are defined").
 */
export function withoutOverlap(chains: readonly FilterChain[]): FilterChain[] {
  const taken = new Set<string>();
  return chains.flatMap((chain) => {
    const { serverNames = [], prefixRanges: ranges = [], ...rest } = chain.filterChainMatch ?? {};
    const condition = JSON.stringify(rest);
    const free = new Map<string, { readonly names: string[]; readonly ranges: CidrRange[] }>();
    for (const name of serverNames.length === 0 ? [undefined] : serverNames) {
      const left = (ranges.length === 0 ? [undefined] : ranges).filter((range) => {
        const wanted = JSON.stringify([condition, name, range?.addressPrefix, range?.prefixLen]);
        if (taken.has(wanted)) return false;
        taken.add(wanted);
        return true;
      });
      if (left.length === 0) continue;
      const blocks = left.filter((range) => range !== undefined);
      const key = JSON.stringify(blocks);
      const group = free.get(key) ?? { names: [], ranges: blocks };
      if (name !== undefined) group.names.push(name);
      free.set(key, group);
    }
    return [...free.values()].map((group) => ({
      ...chain,
      ...(chain.filterChainMatch === undefined
        ? {}
        : {
            filterChainMatch: {
              ...chain.filterChainMatch,
              ...(serverNames.length === 0 ? {} : { serverNames: group.names }),
              ...(ranges.length === 0 ? {} : { prefixRanges: group.ranges }),
            },
          }),
    }));
  });
}
