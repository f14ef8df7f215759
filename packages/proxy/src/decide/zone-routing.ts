import type { Locality } from '../model/endpoint.ts';

/** How many healthy hosts of a cluster are in one locality. */
export interface ZoneHosts {
  readonly locality: string;
  readonly healthy: number;
}

/** Where requests go: all to the own zone, or a share of them there and the others where there is room. */
export type ZoneRouting =
  | { readonly kind: 'direct' }
  | {
      readonly kind: 'residual';
      /** In [0, 1]: how many of the requests stay. */
      readonly localShare: number;
      /** What each zone takes of the others' requests, summed up; in the order of the upstream's zones. */
      readonly capacity: readonly number[];
    };

/** A locality as one text, to be compared. */
export function localityKey({ region, zone, subZone }: Locality): string {
  return `${region}/${zone}/${subZone}`;
}

/**
 * Keeps requests in the zone that they come from as far as each endpoint still gets the same share: all of
 * them where the zone has at least the share of the endpoints that it has of the callers, otherwise in
 * proportion; what is left goes to zones that have more endpoints than callers.
 * Source: Envoy, "Zone aware routing" in the load balancing overview.
 */
export function zoneRouting(
  own: string,
  callers: readonly ZoneHosts[],
  upstream: readonly ZoneHosts[],
): ZoneRouting {
  const total = (zones: readonly ZoneHosts[]): number => zones.reduce((sum, { healthy }) => sum + healthy, 0);
  const callersTotal = total(callers);
  const upstreamTotal = total(upstream);
  const shareOf = (zones: readonly ZoneHosts[], all: number, wanted: string): number =>
    all === 0 ? 0 : (zones.find(({ locality }) => locality === wanted)?.healthy ?? 0) / all;
  const ofCallers = shareOf(callers, callersTotal, own);
  const ofUpstream = shareOf(upstream, upstreamTotal, own);
  if (ofUpstream > 0 && ofUpstream >= ofCallers) return { kind: 'direct' };
  let sum = 0;
  const capacity = upstream.map(({ locality, healthy }) => {
    const left = healthy / Math.max(1, upstreamTotal) - shareOf(callers, callersTotal, locality);
    if (locality !== own && left > 0) sum += left;
    return sum;
  });
  return { kind: 'residual', localShare: ofCallers === 0 ? 0 : ofUpstream / ofCallers, capacity };
}
