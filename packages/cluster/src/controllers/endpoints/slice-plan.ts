import type { EndpointSlice, SliceEndpoint, SlicePort } from '@lateen/kube';
import { sameValue } from '../deep-equal.ts';

/** How many endpoints a slice holds at most. */
export const maxSliceEndpoints = 100;

/** Endpoints that share a set of ports. */
export interface SliceGroup {
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

/** What is to be done so that the slices hold the groups. */
export interface SlicePlan {
  readonly create: readonly SliceGroup[];
  readonly update: readonly { readonly slice: EndpointSlice; readonly endpoints: readonly SliceEndpoint[] }[];
  readonly remove: readonly EndpointSlice[];
}

/**
 * Shares endpoints out over slices with as few changes as possible: an endpoint stays in the slice where it is,
 * new ones fill slices with room, and only what is left over makes new slices. Where there are none at all one
 * empty slice stays, so that watchers know that the service has been looked at.
 */
export function planSlices(groups: readonly SliceGroup[], existing: readonly EndpointSlice[]): SlicePlan {
  const create: SliceGroup[] = [];
  const update: { slice: EndpointSlice; endpoints: SliceEndpoint[] }[] = [];
  const unused = new Set(existing);
  const remove: EndpointSlice[] = [];

  for (const group of groups.length > 0 ? groups : [{ ports: [], endpoints: [] }]) {
    const slices = [...unused].filter((slice) => sameValue(slice.ports, group.ports));
    const missing = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
    const contents = slices.map((slice) => {
      unused.delete(slice);
      const kept: SliceEndpoint[] = [];
      for (const endpoint of slice.endpoints ?? []) {
        const wanted = missing.get(identityOf(endpoint));
        if (wanted === undefined) continue;
        kept.push(wanted);
        missing.delete(identityOf(endpoint));
      }
      return { slice, endpoints: kept };
    });
    const fresh = [...missing.values()];
    // The fullest first, so that few slices are touched.
    for (const content of [...contents].sort((a, b) => b.endpoints.length - a.endpoints.length)) {
      content.endpoints.push(...fresh.splice(0, maxSliceEndpoints - content.endpoints.length));
    }
    for (; fresh.length > 0; ) {
      create.push({ ports: group.ports, endpoints: fresh.splice(0, maxSliceEndpoints) });
    }
    const isEmptyGroup = group.endpoints.length === 0;
    if (isEmptyGroup && contents.length === 0) create.push(group);
    let keepsEmpty = isEmptyGroup;
    for (const content of contents) {
      if (content.endpoints.length === 0 && !keepsEmpty) remove.push(content.slice);
      else if (!sameValue(content.slice.endpoints, content.endpoints)) update.push(content);
      if (content.endpoints.length === 0) keepsEmpty = false;
    }
  }
  return { create, update, remove: [...remove, ...unused] };
}

function identityOf(endpoint: SliceEndpoint): string {
  return `${endpoint.targetRef?.uid ?? ''} ${endpoint.addresses.join(',')}`;
}
