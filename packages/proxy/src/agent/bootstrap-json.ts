import { isIP } from 'node:net';
import type { AgentConfig } from './agent-config.ts';
import { podStatsConfig, podStatsSinks } from './stats-config.ts';
import { describeNode, hostOf, portOf } from './node.ts';

const noLimit = 100_000;
export const controlPlaneClusterName = 'xds-grpc';
const authorityName = 'ca-grpc';

/** The cluster of the certificate authority; undefined where the control plane is it, and is reached by TLS. */
export function authorityClusterName(config: AgentConfig): string | undefined {
  const { discoveryAddress, plaintext } = config.proxyConfig;
  return !plaintext && config.caAddress === discoveryAddress ? undefined : authorityName;
}

/**
 * The bootstrap of a sidecar or gateway, as Istio's agent writes it for Envoy: who it is, the admin port, the
 * control plane, and listeners for scrapes (15090) and readiness (15021).
 */
export function bootstrapJson(config: AgentConfig): Readonly<Record<string, unknown>> {
  const { discoveryAddress, plaintext } = config.proxyConfig;
  const authority = authorityClusterName(config);
  const ads = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
  return {
    node: describeNode(config),
    layered_runtime: { layers: [{ name: 'admin', admin_layer: {} }] },
    stats_config: podStatsConfig(config),
    ...podStatsSinks(config.proxyConfig.raw),
    admin: { address: socketAddress('127.0.0.1', config.proxyConfig.adminPort) },
    dynamic_resources: {
      lds_config: ads,
      cds_config: ads,
      ads_config: {
        api_type: 'DELTA_GRPC',
        set_node_on_first_message_only: true,
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: controlPlaneClusterName } }],
      },
    },
    static_resources: {
      clusters: [
        localCluster('prometheus_stats', config.proxyConfig.adminPort),
        localCluster('agent', config.proxyConfig.statusPort),
        serverCluster(config, controlPlaneClusterName, discoveryAddress, !plaintext),
        ...(authority === undefined ? [] : [serverCluster(config, authority, config.caAddress, true)]),
      ],
      listeners: [
        pathListener('0.0.0.0', 15_090, 'stats', '/stats/prometheus', 'prometheus_stats'),
        pathListener('0.0.0.0', 15_021, 'agent', '/healthz/ready', 'agent'),
      ],
    },
  };
}

function socketAddress(address: string, port: number): unknown {
  return { socket_address: { address, port_value: port } };
}

function endpoints(name: string, address: string, port: number): unknown {
  return {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(address, port) } }] }],
  };
}

function localCluster(name: string, port: number): unknown {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '0.25s',
    lb_policy: 'ROUND_ROBIN',
    load_assignment: endpoints(name, '127.0.0.1', port),
  };
}

/** A server of the control plane, which speaks gRPC. */
function serverCluster(config: AgentConfig, name: string, address: string, secure: boolean): unknown {
  const host = hostOf(address);
  const limits = { max_connections: noLimit, max_pending_requests: noLimit, max_requests: noLimit };
  return {
    name,
    type: 'STRICT_DNS',
    dns_refresh_rate: '60s',
    connect_timeout: '1s',
    lb_policy: 'ROUND_ROBIN',
    load_assignment: endpoints(name, host, portOf(address)),
    circuit_breakers: {
      thresholds: [
        { priority: 'DEFAULT', ...limits },
        { priority: 'HIGH', ...limits },
      ],
    },
    upstream_connection_options: { tcp_keepalive: { keepalive_time: 300 } },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '10s' } },
        },
      },
    },
    ...(secure ? { transport_socket: serverTls(config, host) } : {}),
  };
}

function serverTls(config: AgentConfig, host: string): unknown {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: host,
      common_tls_context: {
        alpn_protocols: ['h2'],
        validation_context: {
          trusted_ca: { filename: config.rootCertPath },
          match_typed_subject_alt_names: [
            { san_type: isIP(host) === 0 ? 'DNS' : 'IP_ADDRESS', matcher: { exact: host } },
          ],
        },
      },
    },
  };
}

function pathListener(address: string, port: number, prefix: string, path: string, cluster: string): unknown {
  return {
    address: socketAddress(address, port),
    name: `${prefix}_${port}`,
    // As Istio since 1.24: a probe that overload turns away would have the pod restarted.
    bypass_overload_manager: true,
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              codec_type: 'AUTO',
              stat_prefix: prefix,
              route_config: {
                virtual_hosts: [
                  {
                    name: 'backend',
                    domains: ['*'],
                    routes: [{ match: { prefix: path }, route: { cluster } }],
                  },
                ],
              },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                  },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}
