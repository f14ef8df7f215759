import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import type { HttpFilterConfig } from '../model/index.ts';
import { cluster, endpoint, routeTo, serveHttp, statOf, upstream } from '../testing/harness.ts';

type HealthCheckConfig = Extract<HttpFilterConfig, { kind: 'health_check' }>;

const answersItself: HealthCheckConfig = {
  kind: 'health_check',
  passThrough: false,
  cacheMs: 0,
  minHealthyPercents: [],
  headers: [
    {
      name: ':path',
      match: { kind: 'string', string: { kind: 'exact', value: '/healthz' } },
      invert: false,
      treatMissingAsEmpty: false,
    },
  ],
};

function filters(config: HealthCheckConfig) {
  return {
    httpFilters: [
      { name: 'health', config, disabled: false },
      { name: 'router', config: { kind: 'router', suppressEnvoyHeaders: false } as const, disabled: false },
    ],
  };
}

interface Answer {
  readonly status: number;
  readonly cluster: string | undefined;
  readonly fails: string | undefined;
}

function ask(port: number, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, agent: false }, (response) => {
      const { statusCode = 0, headers } = response;
      response.resume();
      resolve({
        status: statusCode,
        cluster: headers['x-envoy-upstream-healthchecked-cluster'] as string | undefined,
        fails: headers['x-envoy-immediate-health-check-fail'] as string | undefined,
      });
    })
      .on('error', reject)
      .end();
  });
}

const node = { id: 'me', cluster: 'mine', metadata: {} };

test('the proxy answers for itself, and says that it fails when it is told to', async (t) => {
  const { port: up } = await upstream(t, (_, response) => response.writeHead(418).end());
  const { dataPlane, port } = await serveHttp(
    t,
    [routeTo('up')],
    [cluster('up', [up])],
    filters(answersItself),
    { node },
  );
  assert.deepEqual(await ask(port, '/healthz'), { status: 200, cluster: 'mine', fails: undefined });
  assert.deepEqual(await ask(port, '/other'), { status: 418, cluster: undefined, fails: undefined });
  dataPlane.failHealthChecks(true);
  assert.deepEqual(await ask(port, '/healthz'), { status: 503, cluster: 'mine', fails: 'true' });
  assert.deepEqual(await ask(port, '/other'), { status: 418, cluster: undefined, fails: 'true' });
  dataPlane.failHealthChecks(false);
  assert.equal((await ask(port, '/healthz')).status, 200);
});

test('the proxy is as healthy as the clusters that it needs', async (t) => {
  const unhealthy = endpoint(2, { healthStatus: 'unhealthy' });
  const status = async (minHealthyPercents: HealthCheckConfig['minHealthyPercents']): Promise<number> => {
    const config = { ...answersItself, minHealthyPercents };
    const clusters = [cluster('half', [1, unhealthy]), cluster('empty', [])];
    const { port } = await serveHttp(t, [routeTo('half')], clusters, filters(config));
    return (await ask(port, '/healthz')).status;
  };
  assert.equal(await status([{ cluster: 'half', percent: 50 }]), 200);
  assert.equal(await status([{ cluster: 'half', percent: 51 }]), 503);
  assert.equal(await status([{ cluster: 'empty', percent: 0 }]), 200);
  assert.equal(await status([{ cluster: 'empty', percent: 1 }]), 503);
  assert.equal(await status([{ cluster: 'nowhere', percent: 0 }]), 503);
});

test("an application's answer is given again for a while", async (t) => {
  let asked = 0;
  const { port: up } = await upstream(t, (_, response) => {
    asked++;
    response.writeHead(asked === 1 ? 500 : 200).end();
  });
  const clock = new TestClock();
  const config = { ...answersItself, passThrough: true, cacheMs: 1_000 };
  const { dataPlane, port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])], filters(config), {
    clock,
    node,
  });
  assert.deepEqual(await ask(port, '/healthz'), { status: 500, cluster: 'mine', fails: undefined });
  assert.equal((await ask(port, '/healthz')).status, 500);
  assert.equal(asked, 1);
  clock.advance(1_000);
  assert.equal((await ask(port, '/healthz')).status, 200);
  assert.equal(asked, 2);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_total'), 2);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_completed'), 0);
  dataPlane.failHealthChecks(true);
  assert.equal((await ask(port, '/healthz')).status, 503);
  assert.equal(asked, 2);
  assert.equal(statOf(dataPlane, 'http.http.health_check.request_total'), 2);
});

test('an answer that is kept says that the application is degraded, or that it has failed', async (t) => {
  let status = 200;
  const { port: up } = await upstream(t, (_, response) =>
    response.writeHead(status, { 'x-envoy-degraded': '' }).end(),
  );
  const clock = new TestClock();
  const config = { ...answersItself, passThrough: true, cacheMs: 1_000 };
  const { dataPlane, port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])], filters(config), {
    clock,
    node,
  });
  const stat = (name: string): number => statOf(dataPlane, `http.http.health_check.${name}`);
  await ask(port, '/healthz');
  assert.equal(stat('degraded'), 0);
  const kept = await new Promise<string | undefined>((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: '/healthz', agent: false }, (response) => {
      response.resume();
      resolve(response.headers['x-envoy-degraded'] as string | undefined);
    })
      .on('error', reject)
      .end();
  });
  assert.equal(kept, '');
  assert.deepEqual([stat('degraded'), stat('ok'), stat('failed')], [1, 1, 0]);
  status = 404;
  clock.advance(1_000);
  await ask(port, '/healthz');
  assert.equal((await ask(port, '/healthz')).status, 404);
  assert.deepEqual([stat('degraded'), stat('ok'), stat('failed')], [2, 1, 1]);
});
