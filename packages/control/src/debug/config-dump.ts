import {
  ClustersConfigDump,
  type ConfigDump,
  EndpointsConfigDump,
  ListenersConfigDump,
  RoutesConfigDump,
} from '@lateen/protocol/envoy/admin/v3';
import { packAny } from '@lateen/protocol';
import type { Connection } from '../push/connection.ts';
import type { PushedKind } from '../push/resource-set.ts';
import type { EncodedResource } from '../translate/resource.ts';

/** What the control plane sends a proxy, in the shape of Envoy's own config dump. */
export function configDump(connection: Connection): ConfigDump {
  const { resources, subscriptions } = connection;
  const named = (kind: PushedKind): EncodedResource[] =>
    [...(subscriptions.get(kind)?.names ?? [])].sort().flatMap((name) => resources.get(kind, name) ?? []);
  return {
    configs: [
      packAny(ClustersConfigDump, {
        dynamicActiveClusters: resources.all('cluster').map((cluster) => ({
          versionInfo: cluster.version,
          cluster,
        })),
      }),
      packAny(ListenersConfigDump, {
        dynamicListeners: resources.all('listener').map((listener) => ({
          name: listener.name,
          activeState: { versionInfo: listener.version, listener },
        })),
      }),
      packAny(RoutesConfigDump, {
        dynamicRouteConfigs: named('route').map((routeConfig) => ({
          versionInfo: routeConfig.version,
          routeConfig,
        })),
      }),
      packAny(EndpointsConfigDump, {
        dynamicEndpointConfigs: named('endpoint').map((endpointConfig) => ({
          versionInfo: endpointConfig.version,
          endpointConfig,
        })),
      }),
    ],
  };
}
