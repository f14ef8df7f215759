import { isIP } from 'node:net';
import type { RequestHead } from '../codec/head.ts';
import { headerName, names } from '../codec/header-name.ts';
import { compileIpRange } from '../decide/ip-range.ts';
import type { HttpConnectionManager, IpDetection } from '../model/network-filter.ts';

/** What a way to find the client's address came to. */
export type Detected =
  | { readonly kind: 'address'; readonly address: string; readonly trusted: boolean }
  | { readonly kind: 'reject'; readonly status: number };

/** Who is internal, and where the address of a client is found: the same for all requests of a connection manager. */
export interface ClientRules {
  readonly isInternal: (address: string) => boolean;
  readonly detect: ((head: RequestHead) => Detected | undefined) | undefined;
}

/** Loopback and private ranges (Envoy's `internal_address_config` default). */
export function isInternalAddress(address: string): boolean {
  return (
    /^(?:10\.|127\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(address) ||
    address === '::1' ||
    /^f[cd][0-9a-f]{2}:/i.test(address)
  );
}

/**
 * The address that `trustedHops` proxies before us say is the client's; undefined where the header is too short, or what
 * stands there is no address.
 */
export function addressFromForwardedFor(value: string | undefined, trustedHops: number): string | undefined {
  if (value === undefined) return undefined;
  const parts = value.split(',');
  const wanted = parts[parts.length - 1 - trustedHops]?.trim() ?? '';
  return isIP(wanted) === 0 ? undefined : wanted;
}

function compileWay(way: IpDetection): (head: RequestHead) => Detected | undefined {
  if (way.kind === 'xff') {
    return ({ headers }) => {
      const value = headers.get(names.forwardedFor);
      const address = addressFromForwardedFor(value, way.trustedHops);
      if (address === undefined) return undefined;
      return { kind: 'address', address, trusted: value?.includes(',') === false };
    };
  }
  const name = headerName(way.header);
  const { rejectStatus, trusted } = way;
  return ({ headers }) => {
    const address = headers.get(name)?.trim() ?? '';
    if (isIP(address) > 0) return { kind: 'address', address, trusted };
    return rejectStatus === undefined ? undefined : { kind: 'reject', status: rejectStatus };
  };
}

export function compileClientRules(
  model: Pick<HttpConnectionManager, 'internalRanges' | 'ipDetection'>,
): ClientRules {
  const ranges = model.internalRanges?.map(compileIpRange);
  const ways = model.ipDetection?.map(compileWay);
  return {
    isInternal:
      ranges === undefined
        ? isInternalAddress
        : (address) => isIP(address) > 0 && ranges.some((range) => range.contains(address)),
    detect:
      ways === undefined
        ? undefined
        : (head) => {
            for (const way of ways) {
              const found = way(head);
              if (found !== undefined) return found;
            }
            return undefined;
          },
  };
}
