import { clusterOf, typeOf } from '../../bootstrap.ts';
import type { Setup } from '../../case.ts';
import { asks, inTurn, redisSetup } from './setup.ts';

const always = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
const text = (inline_string: string): object => ({ inline_string });

/** Who may ask, what is asked together, and faults. */
export const sessions: readonly Setup[] = [
  redisSetup(
    'password',
    { filter: { downstream_auth_passwords: [text('one'), text('two')] } },
    asks('before it', ['GET a', 'PING', 'NOPE', 'TIME', 'ECHO a', 'QUIT']),
    asks('by a greeting', [
      'HELLO',
      'GET',
      'HELLO 2 AUTH default one',
      'GET a',
      'HELLO 2 AUTH a b',
      'AUTH default two',
    ]),
    inTurn('right', ['AUTH two', 'GET a', 'AUTH no', 'GET a']),
    inTurn('wrong', ['AUTH no', 'AUTH u one', 'AUTH', 'AUTH a b c', 'GET a']),
  ),
  redisSetup(
    'old password',
    { filter: { downstream_auth_password: text('one') } },
    inTurn('right', ['AUTH one', 'GET a']),
  ),
  redisSetup(
    'user',
    { filter: { downstream_auth_passwords: [text('one')], downstream_auth_username: text('me') } },
    inTurn('right', ['AUTH me one', 'GET a']),
    inTurn('wrong', ['AUTH one', 'AUTH you one', 'AUTH me no', 'GET a']),
  ),
  redisSetup(
    'default user',
    { filter: { downstream_auth_passwords: [text('one')], downstream_auth_username: text('default') } },
    inTurn('without a name', ['AUTH one', 'GET a']),
  ),
  redisSetup(
    'transactions',
    {},
    inTurn('EXEC', ['MULTI', 'SET a 1', 'GET a', 'EXEC', 'GET a']),
    asks('EXEC at once', ['MULTI', 'SET a 1', 'EXEC']),
    inTurn('DISCARD', ['MULTI', 'SET a 1', 'DISCARD']),
    inTurn('nothing', ['MULTI', 'EXEC', 'MULTI', 'DISCARD']),
    inTurn('without MULTI', ['EXEC', 'DISCARD', 'UNWATCH']),
    inTurn('twice', ['MULTI', 'MULTI', 'SET a 1', 'MULTI', 'EXEC']),
    inTurn('WATCH', ['WATCH a', 'MULTI', 'SET a 1', 'EXEC']),
    inTurn('WATCH and UNWATCH', ['WATCH a', 'UNWATCH', 'GET a']),
    inTurn('WATCH inside', ['MULTI', 'WATCH a', 'SET a 1', 'EXEC']),
    inTurn('WATCH without keys', ['WATCH', 'MULTI', 'WATCH', 'EXEC']),
    inTurn('others inside', ['MULTI', 'PING', 'NOPE', 'GET', 'ECHO a', 'TIME', 'EXEC']),
    inTurn('of several keys inside', ['MULTI', 'MGET a b', 'DEL a', 'EVAL s 1 a', 'FLUSHALL', 'EXEC']),
    inTurn('the client goes away', ['MULTI', 'SET a 1']),
    inTurn('QUIT inside', ['MULTI', 'SET a 1', 'QUIT']),
    inTurn('with arguments', ['MULTI a', 'EXEC a', 'DISCARD b']),
  ),
  redisSetup(
    'faults',
    {
      filter: {
        faults: [
          { fault_type: 'ERROR', fault_enabled: always, commands: ['GET', 'MGET', 'FLUSHALL', 'MULTI'] },
          { fault_type: 'DELAY', fault_enabled: always, delay: '0.1s', commands: ['SET', 'PING'] },
          { fault_type: 'ERROR', fault_enabled: always, delay: '0.1s', commands: ['INCR'] },
        ],
      },
    },
    asks('errors', ['GET a', 'get a', 'MGET a b', 'FLUSHALL', 'GET'], { quietMs: 300 }),
    asks('delays', ['SET a 1', 'SET err 1', 'PING', 'SET'], { quietMs: 400 }),
    asks('an error late', 'INCR a', { quietMs: 400 }),
    asks('none', ['DEL a', 'HGET a b']),
    inTurn('in a transaction', ['MULTI', 'GET a', 'EXEC']),
  ),
  redisSetup(
    'faults of all',
    { filter: { faults: [{ fault_type: 'ERROR', fault_enabled: always }] } },
    asks('errors', ['GET a', 'PING', 'NOPE', 'DEL a b', 'MULTI']),
  ),
  redisSetup(
    'counted',
    { settings: { enable_command_stats: true }, filter: { latency_in_micros: true } },
    asks('by cluster', [
      'GET a',
      'GET err',
      'MGET a err',
      'EVAL s 1 a',
      'FLUSHALL',
      'MSET a 1 b 2',
      'DEL a b',
    ]),
    asks('failures', ['GET close', 'GET garbage'], { quietMs: 400 }),
    inTurn('a transaction', ['MULTI', 'SET a 1', 'EXEC']),
  ),
  redisSetup(
    'credentials',
    {
      clusters: ({ up }) => [
        clusterOf('up', [up], {
          typed_extension_protocol_options: {
            'envoy.filters.network.redis_proxy': {
              '@type': typeOf('filters.network.redis_proxy.v3.RedisProtocolOptions'),
              auth_password: text('secret'),
              auth_username: text('me'),
            },
          },
        }),
      ],
    },
    asks('told first', ['GET a', 'GET b']),
    inTurn('a transaction', ['MULTI', 'SET a 1', 'EXEC']),
  ),
  redisSetup(
    'wrong credentials',
    {
      clusters: ({ up }) => [
        clusterOf('up', [up], {
          typed_extension_protocol_options: {
            'envoy.filters.network.redis_proxy': {
              '@type': typeOf('filters.network.redis_proxy.v3.RedisProtocolOptions'),
              auth_password: text('err'),
            },
          },
        }),
      ],
    },
    asks('refused', 'GET a'),
  ),
];
