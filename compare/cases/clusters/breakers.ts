import { http2Cluster } from '../../bootstrap.ts';
import type { Client, CompareCase, Reply } from '../../case.ts';
import { clustersSetup, hostAt, locality, type ClusterSetup } from '../../cluster-setup.ts';
import { get } from '../../request.ts';

const silent: Reply = { send: [] };
const late: Reply = { send: [{ waitMs: 300 }, 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate'] };
const bad: Reply = { send: ['HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno'] };

/** Clients that ask one after another, without waiting for answers. */
const inTurn = (path: string, count: number): readonly Client[] =>
  Array.from({ length: count }, (_, i) => ({ send: [{ waitMs: 60 * i }, get(path)] }));

const crowd = (what: string, name: string, count: number, more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: inTurn(`/${name}`, count),
  up: [silent],
  tables: [`/stats?filter=^cluster.${name}.circuit_breakers`, `/clusters?filter=^${name}$`],
  quietMs: 400,
  ...more,
});

export const breakers = clustersSetup(
  'breakers',
  ({ up, up2, closed }) => {
    const limited = (thresholds: object, more: object = {}, port = up): ClusterSetup => ({
      localities: [locality([hostAt(port)])],
      more: { circuit_breakers: { thresholds: [{ track_remaining: true, ...thresholds }] }, ...more },
    });
    return {
      pending: limited({ max_connections: 1, max_pending_requests: 1 }),
      connections: limited({ max_connections: 1 }),
      requests: limited({ max_requests: 2 }),
      requests2: limited({ max_requests: 2 }, http2Cluster),
      nothing: limited({ max_connections: 0 }),
      nopending: limited({ max_pending_requests: 0 }),
      high: limited({ priority: 'HIGH', max_requests: 1 }),
      untracked: limited({ track_remaining: false, max_requests: 1 }),
      perhost: {
        localities: [locality([hostAt(up), hostAt(up2)])],
        more: { circuit_breakers: { per_host_thresholds: [{ max_connections: 1 }] } },
      },
      retries: limited({ max_retries: 1 }),
      budget: limited({ retry_budget: { budget_percent: { value: 50 }, min_retry_concurrency: 1 } }),
      budgetnone: limited({ retry_budget: { budget_percent: { value: 10 }, min_retry_concurrency: 0 } }),
      refused: limited({ max_connections: 1 }, {}, closed),
    };
  },
  [
    crowd('pending', 'pending', 3),
    crowd('pending, answered', 'pending', 3, { up: [late] }),
    crowd('connections', 'connections', 3),
    crowd('connections, answered', 'connections', 3, { up: [late], quietMs: 800 }),
    crowd('connections, at once', 'connections', 2, {
      clients: [{ send: [get('/connections')] }, { send: [get('/connections')] }],
      up: [late],
      quietMs: 800,
    }),
    crowd('requests', 'requests', 3),
    crowd('requests by HTTP/2', 'requests2', 3),
    crowd('no connection', 'nothing', 2),
    crowd('nothing pending', 'nopending', 1),
    crowd('high priority', 'high', 2, {
      clients: [...inTurn('/high', 2), ...inTurn('/highest', 2)],
    }),
    crowd('remaining that is not kept', 'untracked', 2),
    crowd('connections of a host', 'perhost', 4, {
      up2: [silent],
      shares: { up: [0, 100], up2: [0, 100] },
    }),
    crowd('retries', 'retries', 3, { up: [bad, late, bad, bad], quietMs: 900 }),
    crowd('a budget of retries', 'budget', 3, { up: [bad, late, bad, bad], quietMs: 900 }),
    crowd('a budget of no retries', 'budgetnone', 2, { up: [bad, bad, late], quietMs: 900 }),
    crowd('no connection can be made', 'refused', 2),
    {
      what: 'a client that goes while it waits',
      clients: [
        { send: [get('/pending')] },
        { send: [{ waitMs: 60 }, get('/pending'), { waitMs: 100 }, { close: true }] },
        { send: [{ waitMs: 300 }, get('/pending')] },
      ],
      up: [silent],
      tables: ['/stats?filter=^cluster.pending.circuit_breakers'],
      quietMs: 400,
    },
  ],
  () => ({
    routes: [
      { match: { path: '/highest' }, route: { cluster: 'high', priority: 'HIGH' } },
      ...['retries', 'budget', 'budgetnone'].map((cluster) => ({
        match: { path: `/${cluster}` },
        route: {
          cluster,
          retry_policy: {
            retry_on: '5xx',
            num_retries: 1,
            retry_back_off: { base_interval: '0.001s', max_interval: '0.001s' },
          },
        },
      })),
    ],
  }),
);
