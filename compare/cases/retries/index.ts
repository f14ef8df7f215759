import { clusterOf, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Reply, Setup, Theme } from '../../case.ts';
import { get, post, sends } from '../../request.ts';
import { reasons } from './reasons.ts';

const answer = (code: number, ...lines: readonly string[]): Reply => ({
  send: [
    `HTTP/1.1 ${code} X\r\n${lines.map((line) => `${line}\r\n`).join('')}content-length: 1\r\n\r\n${code % 10}`,
  ],
});
const reset: Reply = { send: [{ reset: true }] };
const slow: Reply = { send: [{ waitMs: 600 }, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'] };
const backOff = { retry_back_off: { base_interval: '0.02s', max_interval: '0.02s' } };
const on = (path: string, policy: object, more: object = {}): object => ({
  match: { prefix: path },
  route: { cluster: 'up', retry_policy: { ...backOff, ...policy }, ...more },
});

/** Who may steer tries: an address of inside. */
const inside = 'x-forwarded-for: 10.0.0.1';

const tries = (what: string, bytes: string, up: readonly Reply[], quietMs = 300): CompareCase =>
  sends(what, bytes, { up, quietMs });

const conditions: Setup = {
  name: 'conditions',
  bootstrap: httpBootstrap(({ up2, closed }) => ({
    manager: {
      internal_address_config: { cidr_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }] },
    },
    virtualHost: { include_request_attempt_count: true, include_attempt_count_in_response: true },
    routes: [
      on('/5xx', { retry_on: '5xx', num_retries: 2 }),
      on('/gateway', { retry_on: 'gateway-error' }),
      on('/reset', { retry_on: 'reset' }),
      on('/rbr', { retry_on: 'reset-before-request' }),
      on('/connect', { retry_on: 'connect-failure' }, { cluster: 'half' }),
      on('/4xx', { retry_on: 'retriable-4xx' }),
      on('/refused', { retry_on: 'refused-stream' }),
      on('/codes', { retry_on: 'retriable-status-codes', retriable_status_codes: [418] }),
      on('/headers', {
        retry_on: 'retriable-headers',
        retriable_headers: [{ name: 'x-again', present_match: true }],
      }),
      on('/only', { retry_on: '5xx', retriable_request_headers: [{ name: 'x-may', present_match: true }] }),
      on('/rate', { retry_on: 'envoy-ratelimited' }),
      on('/grpc', { retry_on: 'cancelled,deadline-exceeded,internal,resource-exhausted,unavailable' }),
      on('/pertry', { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.15s' }),
      on('/pertryidle', { retry_on: '5xx', num_retries: 1, per_try_idle_timeout: '0.15s' }),
      on(
        '/hedge',
        { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.1s' },
        { hedge_policy: { hedge_on_per_try_timeout: true } },
      ),
      on('/budget', { retry_on: '5xx' }, { cluster: 'budget' }),
      on('/none', { retry_on: '5xx' }, { cluster: 'noretries' }),
      on(
        '/hosts',
        {
          retry_on: '5xx',
          retry_host_predicate: [
            {
              name: 'envoy.retry_host_predicates.previous_hosts',
              typed_config: { '@type': typeOf('retry.host.previous_hosts.v3.PreviousHostsPredicate') },
            },
          ],
          host_selection_retry_max_attempts: 5,
        },
        { cluster: 'both' },
      ),
      on('/ratelimited-reset', {
        retry_on: '5xx',
        rate_limited_retry_back_off: {
          reset_headers: [{ name: 'retry-after', format: 'SECONDS' }],
          max_interval: '5s',
        },
      }),
      on('/total', { retry_on: '5xx', num_retries: 3, per_try_timeout: '0.2s' }, { timeout: '0.3s' }),
      { match: { prefix: '/' }, route: { cluster: 'up' } },
    ],
    clusters: [
      clusterOf('half', [closed]),
      clusterOf('both', [up2, closed]),
      clusterOf('budget', [up2], {
        circuit_breakers: {
          thresholds: [{ retry_budget: { budget_percent: { value: 0 }, min_retry_concurrency: 0 } }],
        },
      }),
      clusterOf('noretries', [up2], { circuit_breakers: { thresholds: [{ max_retries: 0 }] } }),
    ],
  })),
  cases: [
    tries('5xx, then fine', get('/5xx'), [answer(503), answer(500), answer(200)]),
    tries('5xx to the end', get('/5xx'), [answer(503)]),
    tries('5xx with a body', post('abc', 'content-length: 3').replace(' / ', ' /5xx '), [
      answer(503),
      answer(200),
    ]),
    tries('5xx for a reset', get('/5xx'), [reset, answer(200)]),
    tries('5xx for resets to the end', get('/5xx'), [reset]),
    tries('gateway-error for 500', get('/gateway'), [answer(500), answer(200)]),
    tries('gateway-error for 502', get('/gateway'), [answer(502), answer(200)]),
    tries('gateway-error for a reset', get('/gateway'), [reset, answer(200)]),
    tries('reset', get('/reset'), [reset, answer(200)]),
    tries('reset for 503', get('/reset'), [answer(503), answer(200)]),
    tries('reset after the head', get('/reset'), [
      { send: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe', { waitMs: 30 }, { reset: true }] },
      answer(200),
    ]),
    tries('reset-before-request', get('/rbr'), [reset, answer(200)]),
    tries('connect-failure', get('/connect'), []),
    tries('retriable-4xx for 409', get('/4xx'), [answer(409), answer(200)]),
    tries('retriable-4xx for 404', get('/4xx'), [answer(404), answer(200)]),
    tries('retriable-status-codes', get('/codes'), [answer(418), answer(200)]),
    tries('retriable-headers', get('/headers'), [answer(200, 'x-again: 1'), answer(200)]),
    tries('retriable request headers without', get('/only'), [answer(503), answer(200)]),
    tries('retriable request headers with', get('/only', 'x-may: 1'), [answer(503), answer(200)]),
    tries('envoy-ratelimited', get('/rate'), [answer(429, 'x-envoy-ratelimited: true'), answer(200)]),
    tries('5xx and x-envoy-ratelimited', get('/5xx'), [
      answer(503, 'x-envoy-ratelimited: true'),
      answer(200),
    ]),
    tries('x-envoy-overloaded', get('/5xx'), [answer(503, 'x-envoy-overloaded: true'), answer(200)]),
    tries(
      'gRPC unavailable',
      post('', 'content-type: application/grpc', 'content-length: 0').replace(' / ', ' /grpc '),
      [answer(200, 'content-type: application/grpc', 'grpc-status: 14'), answer(200)],
    ),
    tries(
      'gRPC not found',
      post('', 'content-type: application/grpc', 'content-length: 0').replace(' / ', ' /grpc '),
      [answer(200, 'content-type: application/grpc', 'grpc-status: 5'), answer(200)],
    ),
    tries('per try timeout', get('/pertry'), [slow, answer(200)], 900),
    tries('per try timeout to the end', get('/pertry'), [slow], 900),
    tries('per try idle timeout', get('/pertryidle'), [slow, answer(200)], 900),
    tries('hedge', get('/hedge'), [slow, answer(200)], 900),
    tries('total timeout', get('/total'), [slow], 900),
    tries('budget of none', get('/budget'), [], 300),
    {
      what: 'budget of none, asked',
      clients: [{ send: [get('/budget')] }],
      up2: [answer(503)],
      quietMs: 300,
    },
    { what: 'max_retries 0', clients: [{ send: [get('/none')] }], up2: [answer(503)], quietMs: 300 },
    {
      what: 'reset headers',
      clients: [{ send: [get('/ratelimited-reset')] }],
      up: [answer(503, 'retry-after: 1'), answer(200)],
      quietMs: 1_500,
    },
    tries('x-envoy-retry-on', get('/', inside, 'x-envoy-retry-on: 5xx', 'x-envoy-max-retries: 2'), [
      answer(503),
      answer(503),
      answer(200),
    ]),
    tries('x-envoy-retry-on with another', get('/', inside, 'x-envoy-retry-on: 5xx, nonsense'), [
      answer(503),
      answer(200),
    ]),
    tries(
      'x-envoy-retry-grpc-on',
      get('/', inside, 'x-envoy-retry-grpc-on: unavailable', 'content-type: application/grpc'),
      [answer(200, 'grpc-status: 14'), answer(200)],
    ),
    tries('x-envoy-max-retries alone', get('/', inside, 'x-envoy-max-retries: 2'), [
      answer(503),
      answer(200),
    ]),
    tries(
      'x-envoy-retriable-status-codes',
      get(
        '/',
        inside,
        'x-envoy-retry-on: retriable-status-codes',
        'x-envoy-retriable-status-codes: 418, 419',
      ),
      [answer(419), answer(200)],
    ),
    tries(
      'x-envoy-retriable-header-names',
      get('/', inside, 'x-envoy-retry-on: retriable-headers', 'x-envoy-retriable-header-names: x-again'),
      [answer(200, 'x-again: 1'), answer(200)],
    ),
    tries(
      'x-envoy-upstream-rq-timeout-ms',
      get('/', inside, 'x-envoy-upstream-rq-timeout-ms: 100'),
      [slow],
      900,
    ),
    tries(
      'x-envoy-upstream-rq-timeout-alt-response',
      get('/', inside, 'x-envoy-upstream-rq-timeout-ms: 100', 'x-envoy-upstream-rq-timeout-alt-response: 1'),
      [slow],
      900,
    ),
    tries(
      'x-envoy-upstream-rq-per-try-timeout-ms',
      get('/', inside, 'x-envoy-upstream-rq-per-try-timeout-ms: 100', 'x-envoy-retry-on: 5xx'),
      [slow, answer(200)],
      900,
    ),
    tries(
      'x-envoy-hedge-on-per-try-timeout',
      get(
        '/',
        inside,
        'x-envoy-upstream-rq-per-try-timeout-ms: 100',
        'x-envoy-retry-on: 5xx',
        'x-envoy-hedge-on-per-try-timeout: true',
      ),
      [slow, answer(200)],
      900,
    ),
    tries(
      'x-envoy-expected-rq-timeout-ms',
      get('/', inside, 'x-envoy-expected-rq-timeout-ms: 100'),
      [slow],
      900,
    ),
  ],
};

const outside: Setup = {
  name: 'outside',
  bootstrap: httpBootstrap({
    router: { suppress_envoy_headers: true },
    manager: { use_remote_address: true },
  }),
  cases: [
    tries('headers that steer', get('/', 'x-envoy-retry-on: 5xx', 'x-envoy-upstream-rq-timeout-ms: 100'), [
      answer(503),
      answer(200),
    ]),
    tries('headers that steer, from outside', get('/', 'x-envoy-retry-on: 5xx', 'x-forwarded-for: 1.2.3.4'), [
      answer(503),
      answer(200),
    ]),
  ],
};

export const retries: Theme = { name: 'retries', reasons, setups: [conditions, outside] };
