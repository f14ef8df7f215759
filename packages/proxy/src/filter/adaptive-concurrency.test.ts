import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { get, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, statOf, upstream, type Closers } from '../testing/harness.ts';

const healthCheck = {
  name: 'health',
  typed_config: {
    '@type': `${filterTypes}.health_check.v3.HealthCheck`,
    pass_through_mode: false,
    headers: [{ name: ':path', string_match: { exact: '/health' } }],
  },
};
const gradient = {
  concurrency_limit_params: { concurrency_update_interval: '0.1s' },
  min_rtt_calc_params: { interval: '60s', request_count: 1, min_concurrency: 1 },
};

/** A proxy whose endpoint answers when the test does. */
async function serve(t: Closers, more: object = {}) {
  const clock = new TestClock();
  const asked = new EventEmitter<{ request: [ServerResponse] }>();
  const { port: up } = await upstream(t, (_request, response) => void asked.emit('request', response));
  const { dataPlane, port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]),
      http_filters: [
        healthCheck,
        {
          name: 'adaptive',
          typed_config: {
            '@type': `${filterTypes}.adaptive_concurrency.v3.AdaptiveConcurrency`,
            gradient_controller_config: gradient,
            ...more,
          },
        },
        routerJson,
      ],
    },
    [clusterFromJson('up', [up])],
    { clock },
  );
  const stat = (name: string): number =>
    statOf(dataPlane, `http.http.adaptive_concurrency.gradient_controller.${name}`);
  return { clock, asked, port, stat };
}

test('what is beyond the limit is refused, and the limit follows how long answers take', async (t) => {
  const { clock, asked, port, stat } = await serve(t, {
    concurrency_limit_exceeded_status: { code: 'TooManyRequests' },
  });
  const arrived = once(asked, 'request') as Promise<[ServerResponse]>;
  const first = ask(port);
  const [response] = await arrived;
  const refused = await ask(port);
  assert.deepEqual([refused.status, refused.body], [429, 'reached concurrency limit']);
  assert.equal((await ask(port, '/health')).status, 200);
  assert.deepEqual(['rq_blocked', 'concurrency_limit', 'min_rtt_calculation_active'].map(stat), [1, 1, 1]);
  clock.advance(20);
  response.end('done');
  assert.equal((await first).status, 200);
  assert.deepEqual(['min_rtt_msecs', 'min_rtt_calculation_active'].map(stat), [20, 0]);
  // As long as without load: there is room for more.
  const next = once(asked, 'request') as Promise<[ServerResponse]>;
  const second = ask(port);
  const [later] = await next;
  clock.advance(20);
  later.end();
  await second;
  clock.advance(100);
  asked.on('request', (one) => one.end());
  assert.equal((await ask(port)).status, 200);
  assert.deepEqual(['sample_rtt_msecs', 'gradient', 'concurrency_limit'].map(stat), [20, 1250, 2]);
});

test('a request whose client has gone makes room', async (t) => {
  const { asked, port, stat } = await serve(t);
  const arrived = once(asked, 'request');
  const left = get({ host: '127.0.0.1', port, agent: false }).on('error', () => {});
  await arrived;
  assert.equal((await ask(port)).status, 503);
  left.destroy();
  asked.on('request', (response) => response.end());
  while ((await ask(port)).status !== 200) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(stat('rq_blocked') >= 1);
});

test('it is off where the switch is, and refused where it cannot be', async (t) => {
  const { asked, port } = await serve(t, { enabled: { default_value: false, runtime_key: 'off' } });
  asked.on('request', (response) => response.end());
  const answers = await Promise.all([ask(port), ask(port), ask(port)]);
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const bad = { ...gradient, min_rtt_calc_params: { interval: '60s', jitter: { value: 101 } } };
  await assert.rejects(serve(t, { gradient_controller_config: bad }), /min_rtt_calc_params\.jitter\.value/);
});
