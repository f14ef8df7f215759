import { typeOf } from '../../bootstrap.ts';
import type { Reply, Step, Theme } from '../../case.ts';
import { connections } from './connections.ts';
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
  'log.1.received': before,
  'log.1.cluster': before,
  'log.1.upstream': before,
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
    ...connections,
    setup('refused', proxied({ cluster: 'closed' }), says('nobody listens', [])),
    setup('tries', proxied({ cluster: 'closed', max_connect_attempts: 3 }), says('three tries', [])),
    setup('empty', proxied({ cluster: 'empty' }), says('no endpoint', [])),
    setup('unknown', proxied({ cluster: 'nowhere' }), says('no cluster', [])),
    setup(
      'idle',
      proxied({ idle_timeout: '0.2s' }),
      says('idle', [], { up: [first('hello')], quietMs: 600 }),
      says('idle after more', [{ waitMs: 120 }, 'a', { waitMs: 120 }, 'b'], {
        up: [first('hello')],
        quietMs: 600,
      }),
      says('idle when the client has ended', [{ until: 'hello' }, { end: true }, { waitMs: 500 }], {
        up: [first('hello', { waitMs: 600 })],
        quietMs: 300,
      }),
    ),
    setup(
      'idle, tunnelled',
      proxied({ idle_timeout: '0.2s', tunneling_config: { hostname: 'there:80' } }),
      says('idle', [], { up: [first({ until: 'there' }, 'HTTP/1.1 200 OK\r\n\r\nhello')], quietMs: 600 }),
      says('idle, unanswered', [], { up: [first({ waitMs: 900 })], quietMs: 600 }),
    ),
    setup(
      'longest',
      proxied({ max_downstream_connection_duration: '0.2s' }),
      says('the longest time', [], { up: [first('hello')], quietMs: 600 }),
      says('the longest time, busy', ['a', { waitMs: 100 }, 'b', { waitMs: 100 }, 'c'], {
        up: [first('hello')],
        quietMs: 600,
      }),
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
