import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  defaultForward,
  defaultLocalRateLimit,
  defaultRoute,
  type HttpFilter,
  type HttpFilterConfig,
} from '../model/index.ts';
import { assertLogged, asks, suffer, type Expected } from '../testing/fault-case.ts';
import { ask, cluster, upstream } from '../testing/harness.ts';
import { watchedProxy } from '../testing/watched-proxy.ts';

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
        bucket: { maxTokens: 0, tokensPerFill: 1, fillIntervalMs: 60_000 },
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
  {
    what: 'asks for the health of what is not there',
    filter: {
      kind: 'health_check',
      passThrough: false,
      cacheMs: 0,
      minHealthyPercents: [{ cluster: 'gone', percent: 1 }],
      headers: [],
    },
    expected: {
      status: 503,
      body: '',
      flags: 'LH',
      details: 'health_check_failed_no_cluster_found',
      counted: {
        'http.http.health_check.failed_cluster_not_found': 1,
        'http.http.downstream_rq_5xx': 0,
        'cluster.up.upstream_rq_total': 0,
      },
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

const steering: readonly (readonly [header: string, good: string, bad: string])[] = [
  ['x-envoy-upstream-rq-timeout-ms', '250', '250ms'],
  ['x-envoy-upstream-rq-per-try-timeout-ms', '100', '-1'],
  ['x-envoy-max-retries', '3', 'three'],
  ['x-envoy-retry-on', '5xx,connect-failure', '5xx,whatever'],
  ['x-envoy-retry-grpc-on', 'cancelled, internal', 'sometimes'],
];

for (const [header, good, bad] of steering) {
  test(`a value of ${header} that means nothing is refused where that is asked for, else passed over`, async (t) => {
    const { port: up } = await upstream(t, (_request, response) => response.end('fine'));
    const strict: HttpFilter = {
      ...router,
      config: { kind: 'router', suppressEnvoyHeaders: false, strictHeaders: [header] },
    };
    const route = defaultRoute(defaultForward('up'));
    const proxy = await watchedProxy(t, [route], [cluster('up', [up])], { httpFilters: [strict] });
    assert.equal((await ask(proxy.port, '/', { headers: { [header]: good } })).status, 200);
    const answer = await ask(proxy.port, '/', { headers: { [header]: bad } });
    assert.equal(answer.status, 400);
    assert.equal(answer.body, `invalid header '${header}' with value '${bad}'`);
    assert.equal((await proxy.log.next()).flags, '-');
    assertLogged(await proxy.log.next(), {
      status: 400,
      flags: 'IH',
      details: `request_headers_failed_strict_check{${header}}`,
    });
    await proxy.settle();
    proxy.counted({ 'cluster.up.upstream_rq_total': 1, 'http.http.downstream_rq_4xx': 1 });
    const lax = await watchedProxy(t, [route], [cluster('up', [up])]);
    assert.equal((await ask(lax.port, '/', { headers: { [header]: bad } })).status, 200);
  });
}
