import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson } from '../../testing/envoy-config.ts';
import { ask, routeTo, serveHttp, statOf, upstream } from '../../testing/harness.ts';

for (const [ratio, more, expected] of [
  [undefined, {}, 1],
  [1.5, {}, 2],
  [3, {}, 3],
  [3, { circuit_breakers: { thresholds: [{ max_connections: 2 }] } }, 2],
] as const) {
  test(`one request makes ${expected} connections at ${ratio} for each${'circuit_breakers' in more ? ' within the limit' : ''}`, async (t) => {
    const { port: up } = await upstream(t, (_request, response) => response.end());
    const policy = ratio === undefined ? {} : { preconnect_policy: { per_upstream_preconnect_ratio: ratio } };
    const { dataPlane, port } = await serveHttp(
      t,
      [routeTo('up')],
      [clusterFromJson('up', [up], { ...policy, ...more })],
    );
    assert.equal((await ask(port)).status, 200);
    assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_total'), expected);
    assert.equal((await ask(port)).status, 200);
    // The second finds them.
    assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_total'), expected);
  });
}

test('a ratio beyond what Envoy takes is refused', () => {
  assert.throws(
    () => clusterFromJson('up', [1], { preconnect_policy: { per_upstream_preconnect_ratio: 4 } }),
    /preconnect_policy\.per_upstream_preconnect_ratio/,
  );
});
