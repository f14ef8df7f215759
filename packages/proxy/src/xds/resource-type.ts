/** The kinds of xDS resources that the proxy takes. */
export type ResourceType = 'cluster' | 'endpoint' | 'listener' | 'route' | 'secret' | 'runtime';

/** In the order in which they are asked for: what others refer to comes first. */
export const resourceTypes: readonly ResourceType[] = [
  'cluster',
  'endpoint',
  'listener',
  'route',
  'secret',
  'runtime',
];

/** Facts about a kind: its type URL, and whether a subscriber without names gets all there are. */
export interface ResourceTypeFacts {
  readonly typeUrl: string;
  /** As operators call it, in logs and statistics. */
  readonly shortName: string;
  readonly wildcard: boolean;
}

export const resourceTypeFacts: Readonly<Record<ResourceType, ResourceTypeFacts>> = {
  cluster: facts('config.cluster.v3.Cluster', 'CDS', true),
  endpoint: facts('config.endpoint.v3.ClusterLoadAssignment', 'EDS', false),
  listener: facts('config.listener.v3.Listener', 'LDS', true),
  route: facts('config.route.v3.RouteConfiguration', 'RDS', false),
  secret: facts('extensions.transport_sockets.tls.v3.Secret', 'SDS', false),
  runtime: facts('service.runtime.v3.Runtime', 'RTDS', false),
};

function facts(message: string, shortName: string, wildcard: boolean): ResourceTypeFacts {
  return { typeUrl: `type.googleapis.com/envoy.${message}`, shortName, wildcard };
}

/** The kind of a type URL; undefined for one that the proxy does not take. */
export function resourceTypeOf(typeUrl: string): ResourceType | undefined {
  return resourceTypes.find((type) => resourceTypeFacts[type].typeUrl === typeUrl);
}
