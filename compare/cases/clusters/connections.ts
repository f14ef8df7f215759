import { frame, frameFlag, frameType, headersFrame, uint32 } from '@lateen/proxy/raw-http2';
import { http1Cluster, http2Cluster, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Reply, Setup } from '../../case.ts';
import { clustersSetup, hostAt, locality, type ClusterSetup } from '../../cluster-setup.ts';
import { get } from '../../request.ts';

const hello = (id: number): readonly Buffer[] => [
  headersFrame(id, [[':status', '200']], false),
  frame(frameType.data, frameFlag.endStream, id, Buffer.from('hello')),
];
const goaway = (last: number, code: number): Buffer =>
  frame(frameType.goaway, 0, 0, Buffer.concat([uint32(last), uint32(code)]));
const bad: Reply = { send: ['HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno'] };

const inTurn = (what: string, path: string, times: number, more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: [{ send: Array.from({ length: times }, () => [get(path), { waitMs: 60 }]).flat() }],
  quietMs: 300,
  ...more,
});

const options = (common: object, explicit: object): object => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': typeOf('upstreams.http.v3.HttpProtocolOptions'),
      common_http_protocol_options: common,
      explicit_http_config: explicit,
    },
  },
});
const http1 = { http_protocol_options: {} };
const http2 = { http2_protocol_options: {} };

export const connections: Setup = clustersSetup(
  'connections',
  ({ up, up2, up3, closed }) => {
    const one = (more: object): ClusterSetup => ({ localities: [locality([hostAt(up)])], more });
    const levels = [
      locality([hostAt(up)]),
      locality([hostAt(up2)], { priority: 1 }),
      locality([hostAt(up3)], { priority: 2 }),
    ];
    return {
      most: one(options({ max_requests_per_connection: 2 }, http1)),
      mostone: one(options({ max_requests_per_connection: 1 }, http1)),
      most2: one(options({ max_requests_per_connection: 2 }, http2)),
      old: one({ max_requests_per_connection: 2 }),
      idle: one(options({ idle_timeout: '0.1s' }, http1)),
      idle2: one(options({ idle_timeout: '0.1s' }, http2)),
      http1: one(http1Cluster({})),
      http2: one(http2Cluster),
      streams: one(options({}, { http2_protocol_options: { max_concurrent_streams: 1 } })),
      priorities: { localities: levels },
      hosts: { localities: [locality([hostAt(up), hostAt(up2)])] },
      hedged: { localities: [locality([hostAt(up), hostAt(up2)])] },
      ownconnections: one({ connection_pool_per_downstream_connection: true }),
      refusedfirst: { localities: [locality([hostAt(closed)]), locality([hostAt(up2)], { priority: 1 })] },
    };
  },
  [
    inTurn('two requests a connection', '/most', 5),
    inTurn('one request a connection', '/mostone', 3),
    inTurn('two requests a connection, HTTP/2', '/most2', 5),
    inTurn('two requests a connection, as of old', '/old', 3),
    {
      what: 'idle',
      clients: [{ send: [get('/idle'), { waitMs: 400 }, get('/idle')] }],
    },
    {
      what: 'idle, HTTP/2',
      clients: [{ send: [get('/idle2'), { waitMs: 400 }, get('/idle2')] }],
    },
    inTurn('a goodbye after an answer', '/http2', 3, {
      up: [{ send: (id) => [...hello(id), goaway(id, 0)] }, { send: hello }],
    }),
    inTurn('a goodbye before an answer', '/http2', 2, {
      up: [{ send: (id) => [goaway(id, 0), { waitMs: 30 }, ...hello(id)] }, { send: hello }],
    }),
    inTurn('a goodbye in two steps', '/http2', 3, {
      up: [
        { send: (id) => [goaway(2 ** 31 - 1, 0), ...hello(id), { waitMs: 20 }, goaway(id, 0)] },
        { send: hello },
      ],
    }),
    {
      what: 'streams one after another, each on its own connection',
      clients: [{ send: [get('/streams')] }, { send: [{ waitMs: 40 }, get('/streams')] }],
      up: [{ send: (id) => [{ waitMs: 150 }, ...hello(id)] }],
      quietMs: 400,
    },
    {
      what: 'connections of each client',
      clients: [
        { send: [get('/ownconnections'), { waitMs: 50 }, get('/ownconnections')] },
        { send: [{ waitMs: 30 }, get('/ownconnections')] },
      ],
    },
    inTurn('says close', '/http1', 2, {
      up: [
        { send: ['HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok', { close: true }] },
      ],
    }),
    inTurn('another priority', '/priorities', 1, { up: [bad], up2: [bad] }),
    inTurn('another priority, where all fail', '/priorities', 1, { up: [bad], up2: [bad], up3: [bad] }),
    inTurn('another host', '/hosts', 4, {
      up: [bad],
      shares: { up2: [100, 100] },
    }),
    inTurn('refused, then another priority', '/refusedfirst', 1),
    inTurn('two at first', '/hedged', 1, {
      up: [{ send: [{ waitMs: 60 }, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'] }],
      up2: [{ send: [{ waitMs: 60 }, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'] }],
      shares: { up: [0, 100], up2: [0, 100] },
    }),
  ],
  () => ({
    routes: [
      ...['priorities', 'refusedfirst'].map((cluster) => ({
        match: { path: `/${cluster}` },
        route: {
          cluster,
          retry_policy: {
            retry_on: '5xx,connect-failure',
            num_retries: 2,
            retry_back_off: { base_interval: '0.001s' },
            retry_priority: {
              name: 'envoy.retry_priorities.previous_priorities',
              typed_config: {
                '@type': typeOf('retry.priority.previous_priorities.v3.PreviousPrioritiesConfig'),
                update_frequency: 1,
              },
            },
          },
        },
      })),
      {
        match: { path: '/hosts' },
        route: {
          cluster: 'hosts',
          retry_policy: {
            retry_on: '5xx',
            retry_back_off: { base_interval: '0.001s' },
            retry_host_predicate: [
              {
                name: 'envoy.retry_host_predicates.previous_hosts',
                typed_config: { '@type': typeOf('retry.host.previous_hosts.v3.PreviousHostsPredicate') },
              },
            ],
            host_selection_retry_max_attempts: 5,
          },
        },
      },
      { match: { path: '/hedged' }, route: { cluster: 'hedged', hedge_policy: { initial_requests: 2 } } },
    ],
  }),
);
