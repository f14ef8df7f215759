import type { Reply, Setup, Step } from '../../case.ts';
import { proxied, says, setup } from './proxied.ts';

const first = (...send: readonly Step[]): Reply => ({ on: 'connect', send });
const greets: readonly Reply[] = [first('hello')];
const bytes = ['/stats?filter=^(tcp|cluster.up).*_bytes_total'];
const much = 'x'.repeat(3_000_000);
const clients = (count: number) =>
  Array.from({ length: count }, () => ({ send: [{ until: 'hello' }, { end: true as const }] }));

/** Connections as they come, go and break. */
export const connections: readonly Setup[] = [
  setup(
    'endings',
    proxied({}),
    says('the endpoint speaks first and ends', [{ until: 'hello' }, { end: true }], {
      up: [first('hello', { end: true })],
    }),
    says('the endpoint resets', ['a'], { up: [first('hello', { waitMs: 50 }, { reset: true })] }),
    says('the client resets', [{ until: 'hello' }, { reset: true }], { up: greets }),
    says('the client ends, the endpoint goes on', [{ until: 'hello' }, { end: true }, { waitMs: 200 }], {
      up: [first('hello', { waitMs: 100 }, 'more', { waitMs: 20 }, { end: true })],
      tables: bytes,
    }),
    says(
      'the endpoint ends, the client goes on',
      [{ until: 'hello' }, { waitMs: 100 }, 'more', { end: true }],
      {
        up: [first('hello', { end: true })],
        tables: bytes,
      },
    ),
    says('the client closes, the endpoint goes on', [{ until: 'hello' }, { close: true }], {
      up: [
        first('hello', { waitMs: 150 }, 'more', { waitMs: 50 }, 'and more', { waitMs: 50 }, { end: true }),
      ],
    }),
    says('the client ends at once', [{ end: true }], {
      up: [first({ until: 'x' }, 'hello', { end: true })],
      quietMs: 400,
    }),
    says('the client resets at once', [{ reset: true }], { up: [first({ waitMs: 100 }, 'hello')] }),
    says('the endpoint resets at once', [], { up: [first({ reset: true })] }),
    says('the endpoint ends at once', [], { up: [first({ end: true })] }),
    says(
      'the client says something and resets',
      ['a', { until: 'hello' }, 'b', { waitMs: 50 }, { reset: true }],
      {
        up: greets,
      },
    ),
    says('both end', [{ until: 'hello' }, { end: true }], { up: [first('hello', { end: true })] }),
    says('much to the endpoint', [much, { until: 'done' }, { end: true }], {
      up: [first({ waitMs: 100 }, { until: much }, 'done')],
      tables: bytes,
    }),
    says('much to the client', [{ until: `${much}done` }, { end: true }], {
      up: [first(much, 'done', { end: true })],
      tables: bytes,
    }),
  ),
  setup(
    'small buffers',
    (ports) => {
      const bootstrap = proxied({}, [], { per_connection_buffer_limit_bytes: 1024 })(ports) as {
        static_resources: { listeners: object[] };
      };
      const [listener] = bootstrap.static_resources.listeners;
      bootstrap.static_resources.listeners = [{ ...listener, per_connection_buffer_limit_bytes: 1024 }];
      return bootstrap;
    },
    says('much to the endpoint', [much, { until: 'done' }, { end: true }], {
      up: [first({ waitMs: 100 }, { until: much }, 'done')],
    }),
    says('much to the client', [{ until: `${much}done` }, { end: true }], {
      up: [first(much, 'done', { end: true })],
    }),
  ),
  setup(
    'told at once',
    proxied({ access_log_options: { flush_access_log_on_connected: true } }),
    says('a connection', ['a', { until: 'hello' }, { end: true }], {
      up: [first('hello', { end: true })],
    }),
  ),
  setup(
    'told in between',
    proxied({ access_log_options: { access_log_flush_interval: '0.3s' } }),
    says('a connection', ['a', { until: 'hello' }, { waitMs: 400 }, 'b', { waitMs: 330 }, { end: true }], {
      up: greets,
    }),
  ),
  setup(
    'told in between, as before',
    proxied({ access_log_flush_interval: '0.3s', flush_access_log_on_connected: true }),
    says('a connection', [{ until: 'hello' }, { waitMs: 400 }, 'b', { waitMs: 330 }, { end: true }], {
      up: greets,
    }),
  ),
  setup(
    'told in between, tunnelled',
    proxied({
      access_log_options: { access_log_flush_interval: '0.3s', flush_access_log_on_connected: true },
      tunneling_config: { hostname: 'there:80' },
    }),
    says('a connection', ['a', { until: 'hello' }, { waitMs: 400 }, { end: true }], {
      up: [first({ until: 'there' }, 'HTTP/1.1 200 OK\r\n\r\nhello')],
    }),
  ),
  setup('hashed', proxied({ cluster: 'hashed', hash_policy: [{ source_ip: {} }] }), {
    ...says('all of one client', []),
    clients: clients(12),
    up: greets,
    up2: greets,
    up3: greets,
    order: true,
  }),
  setup(
    'weighted',
    proxied({
      cluster: undefined,
      weighted_clusters: {
        clusters: [
          { name: 'up', weight: 30 },
          { name: 'second', weight: 70 },
        ],
      },
    }),
    {
      ...says('shares', []),
      clients: clients(300),
      up: greets,
      up2: greets,
      shares: { up: [20, 40], up2: [60, 80] },
      differs: { 'stat.cluster.': 'left to chance' },
    },
  ),
  setup('few', proxied({}, [], { circuit_breakers: { thresholds: [{ max_connections: 1 }] } }), {
    ...says('one too many', []),
    clients: [
      { send: [{ until: 'hello' }, { waitMs: 200 }, { end: true }] },
      { send: [{ waitMs: 50 }, { until: 'hello' }] },
    ],
    up: greets,
  }),
  setup(
    'none pending',
    proxied({}, [], { circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] } }),
    says('a connection', [{ until: 'hello' }, { end: true }], { up: greets }),
  ),
];
