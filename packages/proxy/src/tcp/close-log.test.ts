import assert from 'node:assert/strict';
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
import { upstreamCloseReasons } from './close-reasons.ts';

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

const { remote, reset, local } = upstreamCloseReasons;
const echo = (socket: Socket): void => void socket.write('there');
const cases: readonly Case[] = [
  { what: 'the client ends', client: (socket) => socket.end(), logged: `Normal - Normal ${remote}` },
  {
    what: 'the client resets',
    client: (socket) => socket.resetAndDestroy(),
    logged: `RemoteReset - LocalReset ${reset}`,
  },
  {
    what: 'the endpoint resets',
    endpoint: (socket) => socket.resetAndDestroy(),
    logged: 'LocalReset - RemoteReset -',
  },
  {
    what: 'nothing passes for the idle time',
    proxy: { idle_timeout: '0.05s' },
    logged: `Normal tcp_session_idle_timeout Normal ${local}`,
  },
  {
    what: 'its longest time is over',
    proxy: { max_downstream_connection_duration: '0.05s' },
    logged: `Normal max_connection_duration_reached Normal ${local}`,
  },
  {
    what: 'there is no cluster',
    proxy: { cluster: 'nowhere' },
    logged: 'Normal tcp_initializion_failure:3 - -',
  },
  { what: 'no endpoint is there', endpoints: 'none', logged: 'Normal tcp_initializion_failure:1 - -' },
  { what: 'the endpoint refuses', endpoints: 'refuses', logged: 'LocalReset tcp_initializion_failure:0 - -' },
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
