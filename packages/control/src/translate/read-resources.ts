import type { View } from '../engine/query.ts';
import { resourceSets, type ListedKind, type NamedKind, type ProxyView } from './proxy-view.ts';
import type { EncodedResource } from './resource.ts';

/** All resources of a listed kind that proxies with this view are sent. */
export function allResources(from: Pick<View, 'get'>, of: ProxyView, kind: ListedKind): EncodedResource[] {
  return resourceSets(of).flatMap(({ listed }) => {
    const bound = listed[kind];
    return bound === undefined ? [] : from.get(bound.query, bound.key);
  });
}

/** A resource that proxies with this view ask for by name; undefined where they have none of this name. */
export function namedResource(
  from: Pick<View, 'get'>,
  of: ProxyView,
  kind: NamedKind,
  name: string,
): EncodedResource | undefined {
  for (const { named } of resourceSets(of)) {
    const bound = named[kind]?.(name);
    if (bound !== undefined) return from.get(bound.query, bound.key);
  }
  return undefined;
}
