import { accessLog, clusterOf, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Ports, Reply, Setup, Step, Theme } from '../../case.ts';

const logged = {
  flags: '%RESPONSE_FLAGS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  cluster: '%UPSTREAM_CLUSTER%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
};

/** One listener with a TCP proxy, after other filters. */
function proxied(proxy: object, before: readonly object[] = []): (ports: Ports) => object {
  const last = {
    name: 'tcp',
    typed_config: {
      '@type': typeOf('filters.network.tcp_proxy.v3.TcpProxy'),
      stat_prefix: 'tcp',
      cluster: 'up',
      access_log: [accessLog(logged)],
      ...proxy,
    },
  };
  return httpBootstrap((ports) => ({
    listener: { filter_chains: [{ filters: [...before, last] }] },
    clusters: [clusterOf('closed', [ports.closed]), { name: 'empty' }],
  }));
}

const says = (what: string, send: readonly Step[], more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: [{ send }],
  protocol: 'tcp',
  ...more,
});

const before = 'rules decide when a connection is made, before an endpoint is connected to';
const early = {
  'client1.connection': before,
  'up.': before,
  'stat.cluster.up.': before,
  'stat.tcp.tcp.': before,
  'log.1.attempts': before,
  'log.1.cluster': before,
};

const first = (...send: readonly Step[]): Reply => ({ on: 'connect', send });
const setup = (name: string, bootstrap: Setup['bootstrap'], ...cases: readonly CompareCase[]): Setup => ({
  name,
  bootstrap,
  cases,
});

const rules = {
  action: 'DENY',
  policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } },
};

export const tcp: Theme = {
  name: 'tcp',
  setups: [
    setup(
      'endings',
      proxied({}),
      says('the endpoint speaks first and ends', [{ until: 'hello' }, { end: true }], {
        up: [first('hello', { end: true })],
      }),
      says('the endpoint resets', ['a'], { up: [first('hello', { waitMs: 50 }, { reset: true })] }),
      says('the client resets', [{ until: 'hello' }, { reset: true }], { up: [first('hello')] }),
    ),
    setup('refused', proxied({ cluster: 'closed' }), says('nobody listens', [])),
    setup('tries', proxied({ cluster: 'closed', max_connect_attempts: 3 }), says('three tries', [])),
    setup('empty', proxied({ cluster: 'empty' }), says('no endpoint', [])),
    setup('unknown', proxied({ cluster: 'nowhere' }), says('no cluster', [])),
    setup(
      'idle',
      proxied({ idle_timeout: '0.2s' }),
      says('idle', [], { up: [first('hello')], quietMs: 600 }),
    ),
    setup(
      'longest',
      proxied({ max_downstream_connection_duration: '0.2s' }),
      says('the longest time', [], { up: [first('hello')], quietMs: 600 }),
    ),
    setup(
      'rbac',
      proxied({}, [
        {
          name: 'rbac',
          typed_config: { '@type': typeOf('filters.network.rbac.v3.RBAC'), stat_prefix: 'gate', rules },
        },
      ]),
      says('denied', ['a'], { differs: early }),
    ),
  ],
};
