import type { CidrRange } from '@lateen/protocol/envoy/config/core/v3';

/** Blocks of addresses; a bare address is a block of one. */
export function prefixRanges(subnets: readonly string[]): CidrRange[] {
  return subnets.map((subnet) => {
    const slash = subnet.indexOf('/');
    const addressPrefix = slash === -1 ? subnet : subnet.slice(0, slash);
    const whole = addressPrefix.includes(':') ? 128 : 32;
    return { addressPrefix, prefixLen: slash === -1 ? whole : Number(subnet.slice(slash + 1)) };
  });
}
