import type { Address } from '../model/address.ts';
import type { HappyEyeballs } from '../model/cluster.ts';

type Family = 'v4' | 'v6' | 'pipe';

function familyOf(address: Address): Family {
  if (address.kind === 'pipe') return 'pipe';
  return address.address.includes(':') ? 'v6' : 'v4';
}

/**
 * In which order the addresses of an endpoint are tried: some of the first family, then the families by turns.
 * Source: RFC 8305 section 4; Envoy, `happy_eyeballs_config`.
 */
export function orderAddresses(
  addresses: readonly Address[],
  { firstFamily, firstCount }: HappyEyeballs,
): Address[] {
  const [first] = addresses;
  if (first === undefined) return [];
  const wanted = firstFamily === 'default' ? familyOf(first) : firstFamily;
  const preferred = addresses.filter((one) => familyOf(one) === wanted);
  const others = addresses.filter((one) => familyOf(one) !== wanted);
  const order = preferred.splice(0, firstCount);
  while (preferred.length > 0 || others.length > 0) {
    order.push(...others.splice(0, 1), ...preferred.splice(0, 1));
  }
  return order;
}
