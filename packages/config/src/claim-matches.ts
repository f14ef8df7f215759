import { isRoutingClaim } from './claim-name.ts';
import type { HttpRoute } from './kinds/http-route.ts';
import type { VirtualServiceSpec } from './kinds/virtual-service.ts';
import { joinPath } from './schema/check-shape.ts';

/** Where a rule of a VirtualService asks for a claim in place of a header. */
export interface ClaimMatch {
  /** As it is written: `@request.auth.claims.groups`. */
  readonly name: string;
  readonly path: string;
  /** Gateways that the match is restricted to; empty where it is not. */
  readonly gateways: readonly string[];
}

/** All matches by claims among rules. */
export function claimMatches(routes: readonly HttpRoute[] | undefined): ClaimMatch[] {
  return (routes ?? []).flatMap((http, route) =>
    (http.match ?? []).flatMap((match, m) =>
      (['headers', 'withoutHeaders'] as const).flatMap((field) =>
        Object.keys(match[field] ?? {})
          .filter(isRoutingClaim)
          .map((name) => ({
            name,
            path: joinPath(`spec.http[${route}].match[${m}].${field}`, name),
            gateways: match.gateways ?? [],
          })),
      ),
    ),
  );
}

/** True where a VirtualService is for sidecars alone. */
export function isOnlyForSidecars({ gateways = [] }: VirtualServiceSpec): boolean {
  return gateways.every((gateway) => gateway === 'mesh');
}

/**
 * Matches by claims that hold for sidecars too, of a VirtualService that is for gateways and sidecars: there no claim
 * is known.
 */
export function claimMatchesAtSidecars(spec: VirtualServiceSpec): ClaimMatch[] {
  if (isOnlyForSidecars(spec) || !(spec.gateways ?? []).includes('mesh')) return [];
  return claimMatches(spec.http).filter(({ gateways }) => gateways.length === 0 || gateways.includes('mesh'));
}
