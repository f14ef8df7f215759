import type { EnvoyFilterPatch } from '../../model/envoy-filter.ts';

/**
 * When a patch has its turn. Istio's Pilot goes from the outside in, and not as patches are written: routes are made before
 * the listeners that hold them; what is added to a kind comes after what is within its other members was patched, but for
 * filters, which are put in before filters are merged.
 */
function turnOf({ applyTo, operation }: EnvoyFilterPatch): number {
  const adds = operation === 'ADD';
  const merges = operation === 'MERGE';
  switch (applyTo) {
    case 'CLUSTER':
    case 'EXTENSION_CONFIG':
    case 'ROUTE_CONFIGURATION':
      return 0;
    case 'VIRTUAL_HOST':
      return adds ? 4 : 1;
    case 'HTTP_ROUTE':
      return merges || operation === 'REMOVE' ? 2 : 3;
    case 'LISTENER':
      return 5;
    case 'LISTENER_FILTER':
      return 6;
    case 'FILTER_CHAIN':
      return adds ? 12 : 7;
    case 'NETWORK_FILTER':
      return merges ? 9 : 8;
    default:
      return merges ? 11 : 10;
  }
}

/** Patches in the order in which Istio's Pilot applies them; those that have their turn together stay as they were. */
export function inTurn(patches: readonly EnvoyFilterPatch[]): readonly EnvoyFilterPatch[] {
  return patches.toSorted((a, b) => turnOf(a) - turnOf(b));
}
