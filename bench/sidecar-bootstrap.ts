import type { JsonObject } from './json.ts';

/** What a generated bootstrap is made of. */
export interface SidecarBootstrap {
  readonly admin: number;
  readonly clusters: readonly JsonObject[];
  readonly listeners: readonly JsonObject[];
  /** The cluster that incremental ADS goes to; none where it is left out. */
  readonly ads?: string;
}

/** A bootstrap with the node of a sidecar. */
export function sidecarBootstrap({ admin, clusters, listeners, ads }: SidecarBootstrap): string {
  const workload = 'productpage';
  return JSON.stringify({
    node: {
      id: `sidecar~127.0.0.1~${workload}-v1-7d5f6c8b9-x2x7q.default~default.svc.cluster.local`,
      cluster: `${workload}.default`,
      metadata: {
        CLUSTER_ID: 'Kubernetes',
        LABELS: { app: workload, version: 'v1' },
        MESH_ID: 'cluster.local',
        NAME: `${workload}-v1-7d5f6c8b9-x2x7q`,
        NAMESPACE: 'default',
        SERVICE_ACCOUNT: workload,
        WORKLOAD_NAME: `${workload}-v1`,
      },
    },
    admin: { address: socketAddress('127.0.0.1', admin) },
    ...(ads === undefined
      ? {}
      : {
          dynamic_resources: {
            ads_config: {
              api_type: 'DELTA_GRPC',
              transport_api_version: 'V3',
              grpc_services: [{ envoy_grpc: { cluster_name: ads } }],
            },
          },
        }),
    static_resources: { clusters, listeners },
  });
}

export function socketAddress(address: string, port: number): JsonObject {
  return { socket_address: { address, port_value: port } };
}

/** What makes a cluster speak HTTP/2. */
export const http2Options: JsonObject = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

/** A cluster with one endpoint and the metadata that Istio's metrics take names from. */
export function staticCluster(name: string, service: string, port: number): JsonObject {
  const endpoint = { address: socketAddress('127.0.0.1', port) };
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    metadata: {
      filter_metadata: {
        istio: {
          services: [{ host: `${service}.default.svc.cluster.local`, name: service, namespace: 'default' }],
        },
      },
    },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
  };
}

/** A listener that serves HTTP with the filters that a sidecar has; `routes` is `route_config` or `rds`. */
export function httpListener(name: string, address: JsonObject, routes: JsonObject): JsonObject {
  const type = 'type.googleapis.com/envoy.extensions.filters';
  const typedStruct = (filter: string, typeUrl: string, value: JsonObject): JsonObject => ({
    name: filter,
    typed_config: { '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct', type_url: typeUrl, value },
  });
  const filter = (filterName: string, message: string): JsonObject => ({
    name: `envoy.filters.http.${filterName}`,
    typed_config: { '@type': `${type}.http.${filterName}.v3.${message}` },
  });
  return {
    name,
    address,
    traffic_direction: 'OUTBOUND',
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: name,
              ...routes,
              http_filters: [
                typedStruct(
                  'istio.metadata_exchange',
                  'type.googleapis.com/io.istio.http.peer_metadata.Config',
                  {
                    upstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }],
                    upstream_propagation: [{ istio_headers: {} }],
                  },
                ),
                filter('fault', 'HTTPFault'),
                filter('cors', 'Cors'),
                typedStruct('istio.stats', 'type.googleapis.com/stats.PluginConfig', {}),
                filter('router', 'Router'),
              ],
            },
          },
        ],
      },
    ],
  };
}
