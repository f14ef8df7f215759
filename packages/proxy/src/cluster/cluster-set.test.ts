import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { cluster, serveHttp, ask, statOf, upstream, routeTo } from '../testing/harness.ts';

test('endpoints that are not sent again within endpoint_stale_after are not used any more', async (t) => {
  const clock = new TestClock();
  const { port } = await upstream(t, (_, response) => response.end('here'));
  const { loadAssignment } = cluster('e', [port]);
  assert.ok(loadAssignment);
  const stale = { ...loadAssignment, endpointStaleAfterMs: 5_000 };
  const eds = cluster('e', [], { discovery: { kind: 'eds', serviceName: '' } });
  const { dataPlane, port: listening } = await serveHttp(t, [routeTo('e')], [eds], {}, { clock });
  await dataPlane.update({ endpoints: { set: [stale] } });
  clock.advance(4_000);
  await dataPlane.update({ endpoints: { set: [stale] } });
  clock.advance(4_000);
  assert.equal((await ask(listening)).body, 'here');
  clock.advance(1_000);
  assert.equal((await ask(listening)).body, 'no healthy upstream');
  assert.equal(statOf(dataPlane, 'cluster.e.assignment_stale'), 1);
  assert.equal(statOf(dataPlane, 'cluster.e.assignment_timeout_received'), 2);
});
