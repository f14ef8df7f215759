import { accessLog, clusterOf, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Reply, Setup, Step } from '../../case.ts';

const logged = {
  of: 'tcp',
  flags: '%RESPONSE_FLAGS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  metadata: '%DYNAMIC_METADATA(envoy.filters.network.mongo_proxy)%',
  shadow: '%DYNAMIC_METADATA(envoy.filters.network.rbac)%',
};

/** A listener with a MongoDB proxy, further filters after it, and a TCP proxy. */
export const mongoSetup = (
  name: string,
  filter: object,
  cases: readonly CompareCase[],
  after: readonly object[] = [],
  top: object = {},
): Setup => ({
  name,
  rawEndpoints: ['up'],
  bootstrap: httpBootstrap((ports) => ({
    top,
    listener: {
      filter_chains: [
        {
          filters: [
            {
              name: 'mongo',
              typed_config: {
                '@type': typeOf('filters.network.mongo_proxy.v3.MongoProxy'),
                stat_prefix: 'db',
                ...filter,
              },
            },
            ...after,
            {
              name: 'tcp',
              typed_config: {
                '@type': typeOf('filters.network.tcp_proxy.v3.TcpProxy'),
                stat_prefix: 'tcp',
                cluster: 'up',
                access_log: [accessLog(logged)],
              },
            },
          ],
        },
      ],
    },
    clusters: [clusterOf('closed', [ports.closed])],
  })),
  cases,
});

/** What a server says on a connection. */
export const answers = (...send: readonly Step[]): Partial<CompareCase> => ({
  up: [{ on: 'connect', send } satisfies Reply],
});

/** What one client sends. */
export const says = (what: string, send: readonly Step[], more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: [{ send }],
  protocol: 'tcp',
  up: [{ on: 'connect', send: [] }],
  ...more,
});
