import { decode, toJson, typeRegistry, type MessageType } from '@lateen/protocol';
import { allTypes } from '@lateen/protocol/all-types';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import type { Connection } from '../push/connection.ts';
import type { PushedKind } from '../push/resource-set.ts';
import type { EncodedResource } from '../translate/resource.ts';

const registry = typeRegistry(allTypes);

function expand<T>(type: MessageType<T>, resource: EncodedResource): unknown {
  const decoded = decode(type, resource.value);
  return decoded.ok
    ? { '@type': type.typeUrl, ...(toJson(type, decoded.value, { registry, redact: true }) as object) }
    : { name: resource.name, error: decoded.problems };
}

/** What the control plane sends a proxy, in the shape of Envoy's own config dump. Loads all message types. */
export function configDump(connection: Connection): unknown {
  const named = (kind: PushedKind): EncodedResource[] =>
    [...(connection.subscriptions.get(kind)?.names ?? [])]
      .sort()
      .flatMap((name) => connection.resources.get(kind, name) ?? []);
  const clusters = connection.resources.all('cluster');
  const listeners = connection.resources.all('listener');
  const dump = 'type.googleapis.com/envoy.admin.v3.';
  return {
    configs: [
      {
        '@type': `${dump}ClustersConfigDump`,
        dynamicActiveClusters: clusters.map((resource) => ({
          versionInfo: resource.version,
          cluster: expand(Cluster, resource),
        })),
      },
      {
        '@type': `${dump}ListenersConfigDump`,
        dynamicListeners: listeners.map((resource) => ({
          name: resource.name,
          activeState: { versionInfo: resource.version, listener: expand(Listener, resource) },
        })),
      },
      {
        '@type': `${dump}RoutesConfigDump`,
        dynamicRouteConfigs: named('route').map((resource) => ({
          versionInfo: resource.version,
          routeConfig: expand(RouteConfiguration, resource),
        })),
      },
      {
        '@type': `${dump}EndpointsConfigDump`,
        dynamicEndpointConfigs: named('endpoint').map((resource) => ({
          versionInfo: resource.version,
          endpointConfig: expand(ClusterLoadAssignment, resource),
        })),
      },
    ],
  };
}
