import {
  accessLog,
  clusterOf,
  http2Cluster,
  httpBootstrap,
  typeOf,
  type HttpSetup,
} from '../../bootstrap.ts';
import type { Client, CompareCase, Ports, Setup, Step } from '../../case.ts';
import { certificates, inline, shows } from '../../certificates.ts';

const logged = {
  flags: '%RESPONSE_FLAGS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  local_close: '%DOWNSTREAM_LOCAL_CLOSE_REASON%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  cluster: '%UPSTREAM_CLUSTER%',
  upstream: '%UPSTREAM_HOST%',
  sni: '%REQUESTED_SERVER_NAME%',
  authz: '%DYNAMIC_METADATA(envoy.filters.network.ext_authz)%',
  rbac: '%DYNAMIC_METADATA(envoy.filters.network.rbac)%',
};

/** The network filter of a type below `envoy.extensions.filters.network`. */
export const networkFilter = (type: string, config: object): object => ({
  name: type.split('.')[0],
  typed_config: { '@type': typeOf(`filters.network.${type}`), ...config },
});

/** A transport socket that asks clients for certificates. */
export const mutualTls = (more: object = {}, common: object = {}): object => ({
  transport_socket: {
    name: 'tls',
    typed_config: {
      '@type': typeOf('transport_sockets.tls.v3.DownstreamTlsContext'),
      common_tls_context: {
        ...shows(certificates.proxy),
        validation_context: { trusted_ca: inline(certificates.root) },
        ...common,
      },
      ...more,
    },
  },
});

export const inspector = {
  name: 'tls_inspector',
  typed_config: { '@type': typeOf('filters.listener.tls_inspector.v3.TlsInspector') },
};

/** A listener whose chain is these filters and a TCP proxy. */
export const gateSetup = (
  name: string,
  filters: readonly object[] | ((ports: Ports) => readonly object[]),
  cases: readonly CompareCase[],
  more: {
    readonly chain?: object;
    readonly listener?: object;
    readonly top?: object;
    readonly http?: HttpSetup;
  } & Partial<Setup> = {},
): Setup => {
  const { chain = {}, listener = {}, top = {}, http, ...rest } = more;
  return {
    name,
    rawEndpoints: ['up'],
    bootstrap: httpBootstrap((ports) => ({
      ...http,
      top,
      listener: {
        filter_chains: [
          {
            filters: [
              ...(typeof filters === 'function' ? filters(ports) : filters),
              networkFilter('tcp_proxy.v3.TcpProxy', {
                stat_prefix: 'tcp',
                cluster: 'up',
                access_log: [accessLog(logged)],
              }),
            ],
            ...chain,
          },
        ],
        ...listener,
      },
      clusters: [
        clusterOf('asked', [ports.up2], http2Cluster),
        clusterOf('closed', [ports.closed], http2Cluster),
        { name: 'empty', ...http2Cluster },
      ],
    })),
    cases,
    ...rest,
  };
};

/** What one client sends; the endpoint answers `welcome` to whomever is let in. */
export const says = (what: string, send: readonly Step[], more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: [{ send }],
  protocol: 'tcp',
  up: [{ on: 'connect', send: [{ until: 'hi' }, 'welcome'] }],
  ...more,
});

/** The same with TLS. */
export const saysTls = (
  what: string,
  tls: NonNullable<Client['tls']>,
  more: Partial<CompareCase> = {},
): CompareCase => says(what, [], { clients: [{ send: ['hi', { until: 'welcome' }], tls }], ...more });
