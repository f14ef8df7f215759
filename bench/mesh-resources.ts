import { fromJson, packAny, typeRegistry, type Any, type MessageType } from '@lateen/protocol';
import { allTypes } from '@lateen/protocol/all-types';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import type { JsonObject } from './json.ts';
import { httpListener, socketAddress } from './sidecar-bootstrap.ts';

/** Resources by the URL of their type, then by their name. */
export type Resources = ReadonlyMap<string, ReadonlyMap<string, Any>>;

/** As many as the services of Bookinfo's mesh have ports, and as many of them as have a listener of HTTP. */
const serviceCount = 14;
const listenerCount = 10;
const firstPort = 9080;

const registry = typeRegistry(allTypes);
const ads: JsonObject = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };

/**
 * What a control plane tells a sidecar of a mesh as large as Bookinfo's, about which it has no traffic: clusters with mTLS,
 * their endpoints, listeners behind the redirection, which listen on no port, and routes. `root` is a PEM.
 */
export function meshResources(root: string): Resources {
  const services = Array.from({ length: serviceCount }, (_, i) => ({
    host: `service-${i}.default.svc.cluster.local`,
    short: `service-${i}`,
    port: firstPort + i,
  }));
  const served = services.slice(0, listenerCount);
  return new Map([
    encoded(
      Cluster,
      services.map((one) => clusterOf(one, root)),
    ),
    encoded(ClusterLoadAssignment, services.map(endpointsOf)),
    encoded(Listener, served.map(listenerOf)),
    encoded(
      RouteConfiguration,
      served.map((one) => routesOf(one, served)),
    ),
  ]);
}

interface Service {
  readonly host: string;
  readonly short: string;
  readonly port: number;
}

const clusterName = ({ host, port }: Service): string => `outbound|${port}||${host}`;

function clusterOf(service: Service, root: string): JsonObject {
  const { host, short, port } = service;
  const unlimited = 4_294_967_295;
  return {
    name: clusterName(service),
    type: 'EDS',
    eds_cluster_config: { eds_config: ads, service_name: clusterName(service) },
    connect_timeout: '10s',
    lb_policy: 'LEAST_REQUEST',
    circuit_breakers: {
      thresholds: [
        {
          max_connections: unlimited,
          max_pending_requests: unlimited,
          max_requests: unlimited,
          max_retries: unlimited,
          track_remaining: true,
        },
      ],
    },
    metadata: {
      filter_metadata: {
        istio: { default_original_port: port, services: [{ host, name: short, namespace: 'default' }] },
      },
    },
    common_lb_config: { locality_weighted_lb_config: {} },
    transport_socket_matches: [
      {
        name: 'tlsMode-istio',
        match: { tlsMode: 'istio' },
        transport_socket: {
          name: 'envoy.transport_sockets.tls',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
            sni: `outbound_.${port}_._.${host}`,
            common_tls_context: {
              alpn_protocols: ['istio'],
              validation_context: {
                trusted_ca: { inline_string: root },
                match_typed_subject_alt_names: [
                  {
                    san_type: 'URI',
                    matcher: { exact: `spiffe://cluster.local/ns/default/sa/bookinfo-${short}` },
                  },
                ],
              },
            },
          },
        },
      },
      {
        name: 'tlsMode-disabled',
        match: {},
        transport_socket: {
          name: 'envoy.transport_sockets.raw_buffer',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
          },
        },
      },
    ],
  };
}

function endpointsOf(service: Service): JsonObject {
  const { short, port } = service;
  return {
    cluster_name: clusterName(service),
    endpoints: [
      {
        locality: {},
        load_balancing_weight: 1,
        lb_endpoints: [
          {
            endpoint: { address: socketAddress('127.0.0.1', port) },
            health_status: 'HEALTHY',
            load_balancing_weight: 1,
            metadata: {
              filter_metadata: {
                istio: { workload: `${short}-v1;default;${short};v1;Kubernetes` },
                'envoy.transport_socket_match': { tlsMode: 'istio' },
              },
            },
          },
        ],
      },
    ],
  };
}

function listenerOf({ port }: Service): JsonObject {
  return {
    ...httpListener(`0.0.0.0_${port}`, socketAddress('0.0.0.0', port), {
      rds: { route_config_name: String(port), config_source: ads },
    }),
    bind_to_port: false,
  };
}

/** As a port of HTTP that several services have. */
function routesOf({ port }: Service, services: readonly Service[]): JsonObject {
  return {
    name: String(port),
    validate_clusters: false,
    virtual_hosts: services.slice(0, 4).map((service) => ({
      name: `${service.host}:${port}`,
      domains: [service.host, `${service.host}:${port}`, service.short, `${service.short}.default`],
      routes: [
        {
          name: 'default',
          match: { prefix: '/' },
          route: {
            cluster: clusterName(service),
            timeout: '0s',
            max_grpc_timeout: '0s',
            retry_policy: {
              retry_on: 'connect-failure,refused-stream,unavailable,cancelled',
              num_retries: 2,
              host_selection_retry_max_attempts: '5',
            },
          },
        },
      ],
    })),
  };
}

function encoded<T>(type: MessageType<T>, list: readonly JsonObject[]): [string, Map<string, Any>] {
  const byName = new Map<string, Any>();
  for (const json of list) {
    const message = fromJson(type, json, { registry });
    if (!message.ok)
      throw new Error(message.problems.map(({ path, message: what }) => `${path}: ${what}`).join('; '));
    const name = json['name'] ?? json['cluster_name'];
    if (typeof name === 'string') byName.set(name, packAny(type, message.value));
  }
  return [type.typeUrl, byName];
}
