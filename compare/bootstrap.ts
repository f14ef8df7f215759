import type { Ports } from './case.ts';

const extensions = 'type.googleapis.com/envoy.extensions';

/** The full name of a message below `envoy.extensions`. */
export const typeOf = (name: string): string => `${extensions}.${name}`;

/** What differs from one listener whose connection manager sends everything to the cluster `up`. */
export interface HttpSetup {
  /** Laid over the connection manager. */
  readonly manager?: object;
  readonly routes?: readonly object[];
  /** Laid over the virtual host, and over the route configuration. */
  readonly virtualHost?: object;
  readonly routeConfig?: object;
  /** HTTP filters before the router. */
  readonly filters?: readonly object[];
  readonly router?: object;
  /** Laid over the cluster `up`; `clusters` come besides it. */
  readonly cluster?: object;
  readonly clusters?: readonly object[];
  readonly listener?: object;
  /** Laid over the bootstrap. */
  readonly top?: object;
}

/** What the log says of each request. */
const logged = {
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  protocol: '%PROTOCOL%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(:PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  cluster: '%UPSTREAM_CLUSTER%',
  upstream: '%UPSTREAM_HOST%',
  route: '%ROUTE_NAME%',
};

export const socketAddress = (port: number): object => ({
  socket_address: { address: '127.0.0.1', port_value: port },
});

/** A static cluster of ports of loopback. */
export function clusterOf(name: string, ports: readonly number[], more: object = {}): object {
  return {
    name,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: socketAddress(port) } })) }],
    },
    ...more,
  };
}

/** Options of a cluster that speaks HTTP/2. */
export const http2Cluster = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': typeOf('upstreams.http.v3.HttpProtocolOptions'),
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

/** An access log whose file the runner puts in place of `{{log}}`. */
export const accessLog = (format: object = logged): object => ({
  name: 'envoy.access_loggers.file',
  typed_config: {
    '@type': typeOf('access_loggers.file.v3.FileAccessLog'),
    path: '{{log}}',
    log_format: { json_format: format },
  },
});

export const admin = (ports: Ports): object => ({ address: socketAddress(ports.admin) });

/** A connection manager as a network filter. */
export function connectionManager(setup: HttpSetup): object {
  const { manager = {}, routes = [{ match: { prefix: '/' }, route: { cluster: 'up' } }] } = setup;
  return {
    name: 'hcm',
    typed_config: {
      '@type': typeOf('filters.network.http_connection_manager.v3.HttpConnectionManager'),
      stat_prefix: 'main',
      // Envoy's 1 s, for each case that ends with it, would be most of the time.
      delayed_close_timeout: '0.1s',
      access_log: [accessLog()],
      route_config: {
        name: 'routes',
        virtual_hosts: [{ name: 'all', domains: ['*'], routes, ...setup.virtualHost }],
        ...setup.routeConfig,
      },
      http_filters: [
        ...(setup.filters ?? []),
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': typeOf('filters.http.router.v3.Router'), ...setup.router },
        },
      ],
      ...manager,
    },
  };
}

/** The bootstrap of a setup. */
export const httpBootstrap =
  (of: HttpSetup | ((ports: Ports) => HttpSetup)) =>
  (ports: Ports): object => {
    const setup = typeof of === 'function' ? of(ports) : of;
    return {
      admin: admin(ports),
      static_resources: {
        listeners: [
          {
            name: 'main',
            address: socketAddress(ports.main),
            filter_chains: [{ filters: [connectionManager(setup)] }],
            ...setup.listener,
          },
        ],
        clusters: [clusterOf('up', [ports.up], setup.cluster), ...(setup.clusters ?? [])],
      },
      ...setup.top,
    };
  };

/** Options of a cluster that speaks HTTP/1.1. */
export const http1Cluster = (options: object): object => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': typeOf('upstreams.http.v3.HttpProtocolOptions'),
      explicit_http_config: { http_protocol_options: options },
    },
  },
});
