import { test } from 'node:test';
import { defaultLocalRateLimit, type HttpFilter, type HttpFilterConfig } from '../model/index.ts';
import { asks, suffer, type Expected } from '../testing/fault-case.ts';
import { cluster, upstream } from '../testing/harness.ts';

const all = { numerator: 100, denominator: 100 } as const;
const router: HttpFilter = {
  name: 'router',
  config: { kind: 'router', suppressEnvoyHeaders: false },
  disabled: false,
};

const delay = { fixedMs: 20, fraction: all };
const abort = { kind: 'http', status: 418, fraction: all } as const;
const noMatch = { headers: [], upstreamCluster: '' };

interface Case {
  readonly what: string;
  readonly filter: HttpFilterConfig;
  readonly expected: Expected;
}

const cases: readonly Case[] = [
  {
    what: 'is aborted',
    filter: { kind: 'fault', policy: { ...noMatch, abort } },
    expected: {
      status: 418,
      body: 'fault filter abort',
      flags: 'FI',
      details: 'fault_filter_abort',
      counted: { 'http.http.downstream_rq_4xx': 1, 'cluster.up.upstream_rq_total': 0 },
    },
  },
  {
    what: 'is delayed',
    filter: { kind: 'fault', policy: { ...noMatch, delay } },
    expected: {
      status: 200,
      body: 'fine',
      flags: 'DI',
      details: 'via_upstream',
      counted: { 'cluster.up.upstream_rq_200': 1 },
    },
  },
  {
    what: 'is delayed and aborted',
    filter: { kind: 'fault', policy: { ...noMatch, delay, abort } },
    expected: { status: 418, flags: 'DI,FI', details: 'fault_filter_abort' },
  },
  {
    what: 'is one too many',
    filter: {
      kind: 'local_rate_limit',
      limit: {
        ...defaultLocalRateLimit,
        statPrefix: 'rl',
        maxTokens: 0,
        tokensPerFill: 1,
        fillIntervalMs: 60_000,
        enabled: all,
        enforced: all,
      },
    },
    expected: {
      status: 429,
      body: 'local_rate_limited',
      flags: 'RL',
      details: 'local_rate_limited',
      counted: { 'rl.http_local_rate_limit.rate_limited': 1, 'rl.http_local_rate_limit.enforced': 1 },
    },
  },
  {
    what: 'is not allowed',
    filter: { kind: 'rbac', rules: { action: 'allow', policies: [] } },
    expected: {
      status: 403,
      body: 'RBAC: access denied',
      flags: '-',
      details: 'rbac_access_denied_matched_policy[none]',
      counted: { 'http.http.rbac.denied': 1, 'cluster.up.upstream_rq_total': 0 },
    },
  },
];

for (const [version, ask] of Object.entries(asks)) {
  for (const { what, filter, expected } of cases) {
    test(`${version}: a request that ${what} by a filter`, async (t) => {
      const { port } = await upstream(t, (_request, response) => response.end('fine'));
      const httpFilters: HttpFilter[] = [{ name: 'faulty', config: filter, disabled: false }, router];
      await suffer(t, ask, cluster('up', [port]), expected, { manager: { httpFilters } });
    });
  }
}
