import { typeOf } from '../../bootstrap.ts';
import type { Reply, Step, Theme } from '../../case.ts';
import { proxied, says, setup } from './proxied.ts';
import { reasons } from './reasons.ts';
import { tunnels } from './tunnels.ts';

const before = 'rules decide when a connection is made, before an endpoint is connected to';
const early = {
  'client1.connection': before,
  'up.': before,
  'stat.cluster.up.': before,
  'stat.tcp.tcp.': before,
  'log.1.attempts': before,
  'log.1.cluster': before,
  'log.1.host': before,
  'log.1.received': before,
  'log.1.upstream_': before,
};

const first = (...send: readonly Step[]): Reply => ({ on: 'connect', send });
const rules = {
  action: 'DENY',
  policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } },
};

export const tcp: Theme = {
  name: 'tcp',
  reasons,
  setups: [
    ...tunnels,
    setup(
      'told at once',
      proxied({ access_log_options: { flush_access_log_on_connected: true } }),
      says('a connection', ['a', { until: 'hello' }, { end: true }], {
        up: [first('hello', { end: true })],
        differs: { 'log.1.received': 'what waits for the endpoint counts as received' },
      }),
    ),
    setup(
      'hashed',
      proxied({ hash_policy: [{ source_ip: {} }] }),
      says('a connection', ['a', { until: 'hello' }, { end: true }], {
        up: [first('hello', { end: true })],
      }),
    ),
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
