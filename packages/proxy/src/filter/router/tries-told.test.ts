import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  defaultForward,
  defaultRoute,
  defaultRouteConfiguration,
  defaultVirtualHost,
  type RetryPolicy,
  type RouteConfiguration,
} from '../../model/index.ts';
import {
  ask,
  cluster,
  httpListener,
  portOf,
  startDataPlane,
  statOf,
  upstream,
} from '../../testing/harness.ts';

const retryPolicy: RetryPolicy = {
  retryOn: ['5xx'],
  retriableStatusCodes: [],
  retriableHeaders: [],
  numRetries: 1,
  backoffBaseMs: 30,
  backoffMaxMs: 30,
  avoidPreviousHosts: false,
  hostSelectionMaxAttempts: 3,
  retriableRequestHeaders: [],
  rateLimitedResetHeaders: [],
};

function table(): RouteConfiguration {
  const routes = [defaultRoute({ ...defaultForward('up'), timeoutMs: 5_000, retryPolicy })];
  const host = { ...defaultVirtualHost('all', ['*'], routes), includeAttemptCountInResponse: true };
  return defaultRouteConfiguration('routes', [host]);
}

test('answers that another try follows are counted by themselves', async (t) => {
  let asked = 0;
  const { port: up } = await upstream(t, (_request, response) => {
    response.statusCode = ++asked === 1 ? 503 : 200;
    response.end();
  });
  const dataPlane = startDataPlane(t);
  await dataPlane.update({
    clusters: { set: [cluster('up', [up])] },
    listeners: { set: [httpListener(table())] },
  });
  assert.equal((await ask(portOf(dataPlane))).status, 200);
  for (const [name, value] of Object.entries({
    'retry.upstream_rq_503': 1,
    'retry.upstream_rq_5xx': 1,
    'retry.upstream_rq_completed': 1,
    upstream_rq_5xx: 0,
    upstream_rq_completed: 1,
    upstream_rq_200: 1,
    upstream_rq_tx_reset: 0,
  }))
    assert.equal(statOf(dataPlane, `cluster.up.${name}`), value, name);
});

test('a further try is told what is left of the time, and the client how many there were', async (t) => {
  const told: number[] = [];
  const { port: up } = await upstream(t, (request) => {
    told.push(Number(request.headers['x-envoy-expected-rq-timeout-ms']));
    request.socket.destroy();
  });
  const dataPlane = startDataPlane(t);
  await dataPlane.update({
    clusters: { set: [cluster('up', [up])] },
    listeners: { set: [httpListener(table())] },
  });
  // The back-off is a random part of its ceiling: of several requests one has waited for some of it.
  for (let i = 0; i < 8; i++) {
    const { status, headers } = await ask(portOf(dataPlane));
    assert.equal(status, 503);
    assert.equal(headers['x-envoy-attempt-count'], '2');
  }
  const [first, further] = [told.filter((_, i) => i % 2 === 0), told.filter((_, i) => i % 2 === 1)];
  assert.ok(first.every((ms) => ms === 5_000));
  assert.ok(further.some((ms) => ms < 5_000) && further.every((ms) => ms > 0 && ms <= 5_000), String(told));
});
