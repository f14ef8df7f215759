import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { defaultCluster } from '../../model/index.ts';
import { fullBacklog } from '../../testing/full-backlog.ts';
import { ask, cluster, routeTo, serveHttp, statOf, until, upstream } from '../../testing/harness.ts';

test('a request that waits for a connection is still served when its host leaves the cluster', async (t) => {
  const held: ServerResponse[] = [];
  const { port: up } = await upstream(t, (_request, response) => void held.push(response));
  const { circuitBreakers } = defaultCluster('up');
  const one = { ...circuitBreakers, default: { ...circuitBreakers.default, maxConnections: 1 } };
  const { dataPlane, port } = await serveHttp(
    t,
    [routeTo('up')],
    [cluster('up', [up], { circuitBreakers: one })],
  );
  const answers = [ask(port), ask(port)];
  await until(() => held.length === 1 && statOf(dataPlane, 'cluster.up.upstream_rq_pending_active') === 1);
  await dataPlane.update({ clusters: { set: [cluster('up', [], { circuitBreakers: one })] } });
  held.pop()?.end('first');
  await until(() => held.length === 1);
  held.pop()?.end('second');
  const bodies = (await Promise.all(answers)).map(({ status, body }) => [status, body]);
  assert.deepEqual(bodies, [
    [200, 'first'],
    [200, 'second'],
  ]);
  await until(() => statOf(dataPlane, 'cluster.up.upstream_cx_active') === 0);
  assert.ok(statOf(dataPlane, 'cluster.up.upstream_cx_total') <= 2);
});

for (const protocol of ['http1', 'http2', 'auto'] as const) {
  test(`a request that waits for a connection is told when its host is given up at once (${protocol})`, async (t) => {
    const silent = await fullBacklog(t);
    const { http } = defaultCluster('up');
    const more = { closeConnectionsOnHostRemoval: true, http: { ...http, protocol } };
    const { dataPlane, port } = await serveHttp(t, [routeTo('up')], [cluster('up', [silent], more)]);
    const answer = ask(port);
    const pending = (): number => statOf(dataPlane, 'cluster.up.upstream_rq_pending_active');
    await until(() => pending() === 1);
    await dataPlane.update({ clusters: { set: [cluster('up', [], more)] } });
    assert.equal((await answer).status, 503);
    assert.equal(pending(), 0);
    assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_active'), 0);
  });
}
