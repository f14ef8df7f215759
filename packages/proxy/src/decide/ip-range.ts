import { BlockList, isIP, isIPv6 } from 'node:net';
import type { CidrRange } from '../model/address.ts';

/** A range of addresses, ready to be asked. */
export interface IpRange {
  readonly prefixLength: number;
  contains(address: string): boolean;
}

/** Compiles a range; an address of the other family is never within it, nor is what is no address. */
export function compileIpRange({ address, prefixLength }: CidrRange): IpRange {
  const list = new BlockList();
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const version = family === 'ipv6' ? 6 : 4;
  list.addSubnet(address, prefixLength, family);
  return {
    prefixLength,
    contains: (one) => isIP(one) === version && list.check(one, family),
  };
}
