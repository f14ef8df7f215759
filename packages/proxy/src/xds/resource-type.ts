import { xdsKindOf, xdsTypes } from '@lateen/protocol/ads';

/** The kinds of xDS resources that the proxy takes, in the order in which they are asked for. */
export const resourceTypes = ['cluster', 'endpoint', 'listener', 'route', 'secret'] as const;

export type ResourceType = (typeof resourceTypes)[number];

/** Facts about a kind: its type URL, and whether a subscriber without names gets all there are. */
export interface ResourceTypeFacts {
  readonly typeUrl: string;
  /** As operators call it, in logs and statistics. */
  readonly shortName: string;
  readonly wildcard: boolean;
}

export const resourceTypeFacts: Readonly<Record<ResourceType, ResourceTypeFacts>> = {
  cluster: { ...xdsTypes.cluster, wildcard: true },
  endpoint: { ...xdsTypes.endpoint, wildcard: false },
  listener: { ...xdsTypes.listener, wildcard: true },
  route: { ...xdsTypes.route, wildcard: false },
  secret: { ...xdsTypes.secret, wildcard: false },
};

/** The kind of a type URL; undefined for one that the proxy does not take. */
export function resourceTypeOf(typeUrl: string): ResourceType | undefined {
  const kind = xdsKindOf(typeUrl);
  return resourceTypes.find((type) => type === kind);
}
