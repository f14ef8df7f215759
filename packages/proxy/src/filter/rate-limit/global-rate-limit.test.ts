import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGrpcServer, GrpcError } from '@lateen/protocol/grpc';
import {
  RateLimitService,
  type RateLimitRequest,
  type RateLimitResponse,
} from '@lateen/protocol/envoy/service/ratelimit/v3';
import {
  clusterFromJson,
  filterTypes,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../../testing/envoy-config.ts';
import { ask, exchangeRaw, statOf, upstream, type Closers } from '../../testing/harness.ts';
import { http2Cluster } from '../../testing/http2-peers.ts';
import { LogWatch, watchedLog } from '../../testing/watched-proxy.ts';
import { noticeOf } from './global-rate-limit.ts';

type Answer = (request: RateLimitRequest) => RateLimitResponse | Promise<RateLimitResponse>;

const logJson = {
  name: 'log',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
    log_format: { json_format: (watchedLog.format as { json: object }).json },
  },
};

/** A proxy that asks a service; what the service was asked is in `asked`. */
async function serve(
  t: Closers,
  answer: Answer,
  filter: object,
  route: object,
  host: object = {},
  more: object = {},
) {
  const asked: RateLimitRequest[] = [];
  const server = createGrpcServer();
  server.unary(
    RateLimitService.shouldRateLimit,
    (request): RateLimitResponse | Promise<RateLimitResponse> => {
      asked.push(request);
      return answer(request);
    },
  );
  const { port: service } = await server.listen({ host: '127.0.0.1' });
  t.after(() => server.close());
  const { port: up } = await upstream(t, (request, response) =>
    response.end(`told=${request.headers['x-told'] ?? ''}`),
  );
  const log = new LogWatch();
  const { dataPlane, port } = await serveEnvoy(
    t,
    {
      access_log: [logJson],
      route_config: routesJson(
        [{ match: { prefix: '/' }, route: { cluster: 'up', ...route }, ...more }],
        host,
      ),
      http_filters: [
        {
          name: 'limits',
          typed_config: {
            '@type': `${filterTypes}.ratelimit.v3.RateLimit`,
            domain: 'shop',
            timeout: '2s',
            rate_limit_service: {
              transport_api_version: 'V3',
              grpc_service: { envoy_grpc: { cluster_name: 'limits' } },
            },
            ...filter,
          },
        },
        routerJson,
      ],
    },
    [clusterFromJson('up', [up]), http2Cluster('limits', [service])],
    { writeAccessLog: log.write, node: { id: 'n', cluster: 'productpage', metadata: {} } },
  );
  return { asked, port, log, dataPlane };
}

const byUser = {
  rate_limits: [{ actions: [{ request_headers: { header_name: 'user', descriptor_key: 'user' } }] }],
};
const as = (user: string) => ({ headers: { user } });

test('the service is told what each action finds, and requests without descriptors are not its business', async (t) => {
  const { asked, port } = await serve(
    t,
    () => ({ overallCode: 'OK' }),
    {},
    {
      rate_limits: [
        {
          actions: [
            { source_cluster: {} },
            { destination_cluster: {} },
            { remote_address: {} },
            { masked_remote_address: { v4_prefix_mask_len: 8 } },
            { request_headers: { header_name: 'user', descriptor_key: 'who' } },
            { request_headers: { header_name: 'absent', descriptor_key: 'none', skip_if_absent: true } },
            { generic_key: { descriptor_value: 'always' } },
            {
              query_parameter_value_match: {
                descriptor_value: 'q',
                query_parameters: [{ name: 'q', present_match: true }],
              },
            },
            {
              header_value_match: {
                descriptor_value: 'not-admin',
                expect_match: false,
                headers: [{ name: 'admin' }],
              },
            },
            {
              metadata: {
                descriptor_key: 'tier',
                source: 'ROUTE_ENTRY',
                metadata_key: { key: 'shop', path: [{ key: 'plan' }, { key: 'tier' }] },
              },
            },
          ],
        },
        { stage: 1, actions: [{ generic_key: { descriptor_value: 'another filter' } }] },
      ],
    },
    {},
    { metadata: { filter_metadata: { shop: { plan: { tier: 'gold' } } } } },
  );
  assert.equal((await ask(port, '/?q=1', as('jason'))).status, 200);
  assert.equal((await ask(port, '/', as('jason'))).status, 200);
  assert.equal((await ask(port, '/?q=1')).status, 200);
  const entries = {
    source_cluster: 'productpage',
    destination_cluster: 'up',
    remote_address: '127.0.0.1',
    masked_remote_address: '127.0.0.0/8',
    who: 'jason',
    generic_key: 'always',
    query_match: 'q',
    header_match: 'not-admin',
    tier: 'gold',
  };
  assert.deepEqual(asked, [
    {
      domain: 'shop',
      descriptors: [{ entries: Object.entries(entries).map(([key, value]) => ({ key, value })) }],
    },
  ]);
});

test('a request over the limit is answered with 429, RL and what the service says', async (t) => {
  const { port, log, dataPlane } = await serve(
    t,
    ({ descriptors }) => {
      const over = descriptors?.[0]?.entries?.[0]?.value === 'greedy';
      return {
        overallCode: over ? 'OVER_LIMIT' : 'OK',
        statuses: [
          {
            code: over ? 'OVER_LIMIT' : 'OK',
            currentLimit: { requestsPerUnit: 10, unit: 'MINUTE' },
            limitRemaining: over ? 0 : 3,
            durationUntilReset: 7_000,
          },
        ],
        requestHeadersToAdd: [{ key: 'x-told', value: 'fine' }],
        responseHeadersToAdd: [{ key: 'x-from-service', value: 'yes' }],
        ...(over ? { rawBody: Buffer.from('slow down') } : {}),
      };
    },
    {
      enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
      response_headers_to_add: [{ header: { key: 'x-limited', value: '%RESPONSE_CODE%' } }],
    },
    byUser,
  );
  const fine = await ask(port, '/', as('jane'));
  assert.equal(fine.body, 'told=fine');
  assert.equal(fine.headers['x-from-service'], 'yes');
  assert.equal(fine.headers['x-ratelimit-limit'], '10, 10;w=60');
  assert.equal(fine.headers['x-ratelimit-remaining'], '3');
  assert.equal(fine.headers['x-limited'], undefined);
  const limited = await ask(port, '/', as('greedy'));
  assert.equal(limited.status, 429);
  assert.equal(limited.body, 'slow down');
  assert.equal(limited.headers['x-envoy-ratelimited'], 'true');
  assert.equal(limited.headers['x-ratelimit-reset'], '7');
  assert.equal(limited.headers['x-limited'], '429');
  await log.next();
  const { flags, details } = await log.next();
  assert.deepEqual({ flags, details }, { flags: 'RL', details: 'request_rate_limited' });
  assert.match(dataPlane.stats.text(), /^cluster\.up\.ratelimit\.over_limit: 1$/m);
  assert.match(dataPlane.stats.text(), /^cluster\.up\.ratelimit\.ok: 1$/m);
});

test('where the service fails requests pass, unless they are to be refused with RLSE', async (t) => {
  const fail: Answer = () => {
    throw new GrpcError('INTERNAL', 'broken');
  };
  const open = await serve(t, fail, {}, byUser);
  assert.equal((await ask(open.port, '/', as('u'))).status, 200);
  assert.match(open.dataPlane.stats.text(), /^cluster\.up\.ratelimit\.failure_mode_allowed: 1$/m);
  const closed = await serve(t, fail, { failure_mode_deny: true }, byUser);
  assert.equal((await ask(closed.port, '/', as('u'))).status, 500);
  const { flags, details } = await closed.log.next();
  assert.deepEqual({ flags, details }, { flags: 'RLSE', details: 'rate_limiter_error' });
  const slow: Answer = () => new Promise(() => {});
  const late = await serve(
    t,
    slow,
    { failure_mode_deny: true, timeout: '0.03s', status_on_error: { code: 503 } },
    byUser,
  );
  assert.equal((await ask(late.port, '/', as('u'))).status, 503);
});

test('rules of the virtual host count where the route has none, or asks for them', async (t) => {
  const host = { rate_limits: [{ actions: [{ generic_key: { descriptor_value: 'host' } }] }] };
  const values = (asked: readonly RateLimitRequest[]) =>
    asked.map(({ descriptors }) => descriptors?.map((one) => one.entries?.[0]?.value));
  const ok: Answer = () => ({ overallCode: 'OK' });
  const none = await serve(t, ok, {}, {}, host);
  await ask(none.port);
  assert.deepEqual(values(none.asked), [['host']]);
  const own = await serve(t, ok, {}, byUser, host);
  await ask(own.port, '/', as('u'));
  assert.deepEqual(values(own.asked), [['u']]);
  const perRoute = (options: string) => ({
    typed_per_filter_config: {
      limits: {
        '@type': `${filterTypes}.ratelimit.v3.RateLimitPerRoute`,
        vh_rate_limits: options,
        domain: 'other',
      },
    },
  });
  const both = await serve(t, ok, {}, byUser, host, perRoute('INCLUDE'));
  await ask(both.port, '/', as('u'));
  assert.deepEqual(values(both.asked), [['u', 'host']]);
  assert.equal(both.asked[0]?.domain, 'other');
  const never = await serve(t, ok, {}, {}, host, perRoute('IGNORE'));
  await ask(never.port);
  assert.deepEqual(never.asked, []);
});

test('only requests of the kind that is meant are asked about', async (t) => {
  const { port, asked } = await serve(
    t,
    () => ({ overallCode: 'OVER_LIMIT' }),
    { request_type: 'external' },
    byUser,
  );
  const internal = { headers: { user: 'u', 'x-forwarded-for': '10.0.0.1' } };
  assert.equal((await ask(port, '/', internal)).status, 200);
  assert.equal((await ask(port, '/', { headers: { user: 'u', 'x-forwarded-for': '8.8.8.8' } })).status, 429);
  assert.equal(asked.length, 1);
});

test('the notice speaks of the descriptor of which least is left, and names every window', () => {
  const status = (
    requestsPerUnit: number,
    unit: 'SECOND' | 'HOUR',
    limitRemaining: number,
    name?: string,
  ) => ({
    currentLimit: { requestsPerUnit, unit, ...(name === undefined ? {} : { name }) },
    limitRemaining,
    durationUntilReset: 1_500,
  });
  assert.equal(noticeOf([{ code: 'OK' }]), undefined);
  assert.deepEqual(noticeOf([status(10, 'SECOND', 5, 'fast'), status(100, 'HOUR', 4)]), {
    limit: '100, 10;w=1;name="fast", 100;w=3600',
    remaining: 4,
    resetSeconds: 1,
  });
});

test('whatever the prefix of its statistics, Prometheus can read all of them', async (t) => {
  const { port, dataPlane } = await serve(t, () => ({ overallCode: 'OK' }), { stat_prefix: 'a.b-c' }, byUser);
  assert.equal((await ask(port, '/', as('jason'))).status, 200);
  assert.equal(statOf(dataPlane, 'cluster.up.ratelimit.a.b-c.ok'), 1);
  const metrics = dataPlane.stats.prometheus();
  assert.match(metrics, /^envoy_cluster_ratelimit_a_b_c_ok\{cluster_name="up"\} 1$/m);
  for (const line of metrics.trim().split('\n')) assert.match(line, /^(# TYPE )?[a-zA-Z_]\w*[ {]/, line);
});

test('a header that is repeated or empty does not escape a limit, and an answer has one type', async (t) => {
  const route = {
    rate_limits: [{ actions: [{ request_headers: { header_name: 'x-user', descriptor_key: 'user' } }] }],
  };
  const { port, asked, dataPlane } = await serve(
    t,
    () => ({
      overallCode: 'OVER_LIMIT',
      responseHeadersToAdd: [{ key: 'content-type', value: 'application/json' }],
      rawBody: Buffer.from('{}'),
    }),
    {},
    route,
  );
  for (const [lines, expected] of [
    ['x-user: a\r\nx-user: b', 'a'],
    ['x-user:', ''],
  ] as const) {
    const answer = await exchangeRaw(
      port,
      `GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${lines}\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 429 /);
    assert.deepEqual(answer.match(/content-type: .*/g), ['content-type: application/json']);
    const entry = asked.at(-1)?.descriptors?.[0]?.entries?.[0];
    assert.deepEqual([entry?.key, entry?.value ?? ''], ['user', expected]);
  }
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_4xx'), 2);
});
