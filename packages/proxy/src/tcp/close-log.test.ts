import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { clusterFromJson, listenerFromJson } from '../testing/envoy-config.ts';
import {
  keptAccessLog,
  portOf,
  startDataPlane,
  tcpUpstream,
  until,
  type Closers,
} from '../testing/harness.ts';

const types = 'type.googleapis.com/envoy.extensions';
const format =
  '%DOWNSTREAM_DETECTED_CLOSE_TYPE% %DOWNSTREAM_LOCAL_CLOSE_REASON% %UPSTREAM_DETECTED_CLOSE_TYPE% %UPSTREAM_LOCAL_CLOSE_REASON%';

interface Case {
  readonly what: string;
  readonly proxy?: object;
  readonly endpoints?: 'none' | 'refuses';
  /** What the endpoint does when it has heard something. */
  readonly endpoint?: (socket: Socket) => void;
  /** What the client does when it has heard something. */
  readonly client?: (socket: Socket) => void;
  readonly logged: string;
}

const echo = (socket: Socket): void => void socket.write('there');
const cases: readonly Case[] = [
  { what: 'the client ends', client: (socket) => socket.end(), logged: 'Normal - Normal -' },
  {
    what: 'the client resets',
    client: (socket) => socket.resetAndDestroy(),
    logged: 'RemoteReset - Normal -',
  },
  {
    what: 'the endpoint resets',
    endpoint: (socket) => socket.resetAndDestroy(),
    logged: 'LocalReset - RemoteReset -',
  },
  {
    what: 'nothing passes for the idle time',
    proxy: { idle_timeout: '0.05s' },
    logged: 'Normal tcp_session_idle_timeout Normal tcp_session_idle_timeout',
  },
  {
    what: 'its longest time is over',
    proxy: { max_downstream_connection_duration: '0.05s' },
    logged: 'Normal max_connection_duration_reached Normal max_connection_duration_reached',
  },
  {
    what: 'there is no cluster',
    proxy: { cluster: 'nowhere' },
    logged: 'Normal tcp_initializion_failure:3 Normal -',
  },
  { what: 'no endpoint is there', endpoints: 'none', logged: 'Normal tcp_initializion_failure:1 Normal -' },
  {
    what: 'the endpoint refuses',
    endpoints: 'refuses',
    logged: 'Normal tcp_initializion_failure:0 Normal -',
  },
];

async function endpointsOf({ endpoints, endpoint = echo }: Case, t: Closers): Promise<number[]> {
  if (endpoints === 'none') return [];
  if (endpoints === 'refuses') return [1];
  return [
    await tcpUpstream(t, (socket) => {
      socket.once('data', () => endpoint(socket));
      socket.on('end', () => socket.end());
    }),
  ];
}

for (const one of cases) {
  test(`the log says how both connections end where ${one.what}`, async (t) => {
    const kept = keptAccessLog('');
    const dataPlane = startDataPlane(t, kept.options);
    const proxy = {
      '@type': `${types}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: 'main',
      cluster: 'backend',
      access_log: [
        {
          name: 'log',
          typed_config: {
            '@type': `${types}.access_loggers.stream.v3.StdoutAccessLog`,
            log_format: { text_format_source: { inline_string: format } },
          },
        },
      ],
      ...one.proxy,
    };
    const filters = [{ name: 'envoy.filters.network.tcp_proxy', typed_config: proxy }];
    const { refused } = await dataPlane.update({
      clusters: { set: [clusterFromJson('backend', await endpointsOf(one, t))] },
      listeners: { set: [listenerFromJson({}, undefined, { filter_chains: [{ filters }] })] },
    });
    assert.deepEqual(refused, []);
    const socket = connect(portOf(dataPlane), '127.0.0.1');
    socket.on('error', () => {});
    socket.once('data', () => one.client?.(socket));
    socket.write('hello');
    await new Promise((resolve) => socket.once('close', resolve));
    await until(() => kept.lines.length > 0);
    assert.deepEqual(kept.lines, [one.logged]);
  });
}

test('connections that a filter before it has refused are logged with the reason', async (t) => {
  const type = (name: string) => ({ '@type': `${types}.filters.network.${name}` });
  const deny = {
    action: 'DENY',
    policies: { p: { permissions: [{ any: true }], principals: [{ any: true }] } },
  };
  const bucket = { max_tokens: 1, fill_interval: '3600s' };
  for (const [gate, passes, logged] of [
    [
      { ...type('rbac.v3.RBAC'), stat_prefix: 'g', rules: deny },
      0,
      '- rbac_access_denied_matched_policy[p] rbac_deny_close',
    ],
    [
      { ...type('local_ratelimit.v3.LocalRateLimit'), stat_prefix: 'g', token_bucket: bucket },
      1,
      'URX - local_ratelimit_close_over_limit',
    ],
    [
      { ...type('connection_limit.v3.ConnectionLimit'), stat_prefix: 'g', max_connections: 1 },
      1,
      '- - over_connection_limit',
    ],
  ] as const) {
    const kept = keptAccessLog('');
    const log = {
      name: 'log',
      typed_config: {
        '@type': `${types}.access_loggers.stream.v3.StdoutAccessLog`,
        log_format: {
          text_format_source: {
            inline_string:
              '%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %DOWNSTREAM_LOCAL_CLOSE_REASON%',
          },
        },
      },
    };
    const dataPlane = startDataPlane(t, kept.options);
    const proxy = { ...type('tcp_proxy.v3.TcpProxy'), stat_prefix: 'main', cluster: 'up', access_log: [log] };
    const filters = [
      { name: 'gate', typed_config: gate },
      { name: 'tcp', typed_config: proxy },
    ];
    const { refused } = await dataPlane.update({
      clusters: { set: [clusterFromJson('up', [await tcpUpstream(t, (socket) => void socket.resume())])] },
      listeners: { set: [listenerFromJson({}, undefined, { filter_chains: [{ filters }] })] },
    });
    assert.deepEqual(refused, []);
    for (let i = 0; i <= passes; i++) {
      const socket = connect(portOf(dataPlane), '127.0.0.1').on('error', () => {});
      t.after(() => socket.destroy());
      if (i === passes) await once(socket, 'close');
      else await once(socket, 'connect');
    }
    await until(() => kept.lines.length > 0);
    assert.equal(kept.lines[0], logged);
  }
});
