import { accessLog, clusterOf, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Ports, Setup, Step } from '../../case.ts';
import { keyed, locality } from '../../cluster-setup.ts';

const logged = {
  flags: '%RESPONSE_FLAGS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  cluster: '%UPSTREAM_CLUSTER%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  type: '%ACCESS_LOG_TYPE%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  upstream: '%UPSTREAM_HOST%',
  code: '%RESPONSE_CODE%',
  details: '%RESPONSE_CODE_DETAILS%',
  long: '%RESPONSE_FLAGS_LONG%',
  wire_sent: '%DOWNSTREAM_WIRE_BYTES_SENT%',
  wire_received: '%DOWNSTREAM_WIRE_BYTES_RECEIVED%',
  downstream_failure: '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%',
  name: '%REQUESTED_SERVER_NAME%',
  protocol: '%PROTOCOL%',
  local: '%DOWNSTREAM_LOCAL_ADDRESS%',

  downstream_end: '%DOWNSTREAM_DETECTED_CLOSE_TYPE%',
  downstream_reason: '%DOWNSTREAM_LOCAL_CLOSE_REASON%',
  upstream_end: '%UPSTREAM_DETECTED_CLOSE_TYPE%',
  upstream_reason: '%UPSTREAM_LOCAL_CLOSE_REASON%',
};

/** In tunnels Envoy counts twice what it carries. */
const upstreamBytes = {
  up_wire_sent: '%UPSTREAM_WIRE_BYTES_SENT%',
  up_wire_received: '%UPSTREAM_WIRE_BYTES_RECEIVED%',
};

/** One listener with a TCP proxy, after other filters. */
export function proxied(
  proxy: object,
  before: readonly object[] = [],
  cluster: object = {},
): (ports: Ports) => object {
  const last = {
    name: 'tcp',
    typed_config: {
      '@type': typeOf('filters.network.tcp_proxy.v3.TcpProxy'),
      stat_prefix: 'tcp',
      cluster: 'up',
      access_log: [accessLog('tunneling_config' in proxy ? logged : { ...logged, ...upstreamBytes })],
      ...proxy,
    },
  };
  return httpBootstrap((ports) => ({
    cluster,
    listener: { filter_chains: [{ filters: [...before, last] }] },
    clusters: [
      clusterOf('closed', [ports.closed]),
      clusterOf('second', [ports.up2]),
      clusterOf('hashed', [], {
        lb_policy: 'RING_HASH',
        load_assignment: {
          cluster_name: 'hashed',
          endpoints: [locality([keyed('one', ports.up), keyed('two', ports.up2), keyed('three', ports.up3)])],
        },
      }),
      { name: 'empty' },
    ],
  }));
}

export const says = (what: string, send: readonly Step[], more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: [{ send }],
  protocol: 'tcp',
  ...more,
});

export const setup = (
  name: string,
  bootstrap: Setup['bootstrap'],
  ...cases: readonly CompareCase[]
): Setup => ({ name, bootstrap, cases });
