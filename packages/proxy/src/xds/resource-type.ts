import { xdsKindOf, xdsTypes } from '@lateen/protocol/ads';

/** The kinds of xDS resources that the proxy takes, in the order in which they are asked for. */
export const resourceTypes = [
  'runtime',
  'cluster',
  'endpoint',
  'listener',
  'route',
  'virtualHost',
  'secret',
  'extensionConfig',
] as const;

export type ResourceType = (typeof resourceTypes)[number];

/** Facts about a kind: its type URL, and whether a subscriber without names gets all there are. */
export interface ResourceTypeFacts {
  readonly typeUrl: string;
  /** As operators call it, in logs and statistics. */
  readonly shortName: string;
  readonly wildcard: boolean;
  /** The gRPC service of the kind alone, and the name of the kind in its methods. */
  readonly service: string;
  readonly plural: string;
  /** Where it is fetched over REST. */
  readonly restPath: string;
}

export const resourceTypeFacts: Readonly<Record<ResourceType, ResourceTypeFacts>> = {
  runtime: {
    ...xdsTypes.runtime,
    wildcard: false,
    service: 'envoy.service.runtime.v3.RuntimeDiscoveryService',
    plural: 'Runtime',
    restPath: '/v3/discovery:runtime',
  },
  cluster: {
    ...xdsTypes.cluster,
    wildcard: true,
    service: 'envoy.service.cluster.v3.ClusterDiscoveryService',
    plural: 'Clusters',
    restPath: '/v3/discovery:clusters',
  },
  endpoint: {
    ...xdsTypes.endpoint,
    wildcard: false,
    service: 'envoy.service.endpoint.v3.EndpointDiscoveryService',
    plural: 'Endpoints',
    restPath: '/v3/discovery:endpoints',
  },
  listener: {
    ...xdsTypes.listener,
    wildcard: true,
    service: 'envoy.service.listener.v3.ListenerDiscoveryService',
    plural: 'Listeners',
    restPath: '/v3/discovery:listeners',
  },
  route: {
    ...xdsTypes.route,
    wildcard: false,
    service: 'envoy.service.route.v3.RouteDiscoveryService',
    plural: 'Routes',
    restPath: '/v3/discovery:routes',
  },
  virtualHost: {
    ...xdsTypes.virtualHost,
    wildcard: false,
    service: 'envoy.service.route.v3.VirtualHostDiscoveryService',
    plural: 'VirtualHosts',
    // As Envoy, by delta streams only.
    restPath: '',
  },
  extensionConfig: {
    ...xdsTypes.extensionConfig,
    wildcard: false,
    service: 'envoy.service.extension.v3.ExtensionConfigDiscoveryService',
    plural: 'ExtensionConfigs',
    restPath: '/v3/discovery:extension_configs',
  },
  secret: {
    ...xdsTypes.secret,
    wildcard: false,
    service: 'envoy.service.secret.v3.SecretDiscoveryService',
    plural: 'Secrets',
    restPath: '/v3/discovery:secrets',
  },
};

/** The kind of a type URL; undefined for one that the proxy does not take. */
export function resourceTypeOf(typeUrl: string): ResourceType | undefined {
  const kind = xdsKindOf(typeUrl);
  return resourceTypes.find((type) => type === kind);
}
