import { BlockList, isIPv6 } from 'node:net';
import type { CidrRange } from '../model/address.ts';

/** A range of addresses, ready to be asked. */
export interface IpRange {
  readonly prefixLength: number;
  contains(address: string): boolean;
}

/** Compiles a range; an address of the other family is never within it. */
export function compileIpRange({ address, prefixLength }: CidrRange): IpRange {
  const list = new BlockList();
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  list.addSubnet(address, prefixLength, family);
  return {
    prefixLength,
    contains: (one) => (isIPv6(one) ? 'ipv6' : 'ipv4') === family && list.check(one, family),
  };
}
