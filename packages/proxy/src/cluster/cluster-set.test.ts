import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { defaultForward, formatAddress, type Cluster } from '../model/index.ts';
import {
  cluster,
  endpoint,
  serveHttp,
  ask,
  putWhenKnown,
  statOf,
  upstream,
  routeTo,
} from '../testing/harness.ts';

const byHeader = { kind: 'header', header: 'x-cluster' } as const;

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

test('a new version of a cluster has the addresses of its names at once, though its connections are made anew', async (t) => {
  const { port } = await upstream(t, (_, response) => response.end('here'));
  const named = (name: string, connectTimeoutMs: number): Cluster => ({
    ...cluster('dns', [{ ...endpoint(port), address: { kind: 'socket', address: name, port } }]),
    discovery: { kind: 'strict_dns', refreshMs: 60_000, respectTtl: false, family: 'v4_only' },
    connectTimeoutMs,
  });
  const { dataPlane } = await serveHttp(t, [routeTo('dns')], []);
  await putWhenKnown(dataPlane, named('localhost', 1_000));
  const hosts = (): readonly string[] =>
    dataPlane.clusters().flatMap(({ endpoints }) => endpoints.map(({ address }) => formatAddress(address)));
  assert.deepEqual(hosts(), [`127.0.0.1:${port}`]);
  await dataPlane.update({ clusters: { set: [named('localhost', 2_000)] } });
  assert.deepEqual(hosts(), [`127.0.0.1:${port}`]);
  // Of another name nothing is known yet.
  await dataPlane.update({ clusters: { set: [named('localhost.localdomain', 3_000)] } });
  assert.deepEqual(hosts(), []);
});

test('a cluster whose statistics have another name counts under that one from then on', async (t) => {
  const { port } = await upstream(t, (_, response) => response.end('here'));
  const { dataPlane, port: listening } = await serveHttp(t, [routeTo('e')], [cluster('e', [port])]);
  await ask(listening);
  await ask(listening);
  await dataPlane.update({ clusters: { set: [cluster('e', [port], { statName: 'other' })] } });
  await ask(listening);
  for (const name of ['upstream_rq_total', 'upstream_cx_total'])
    assert.equal(statOf(dataPlane, `cluster.other.${name}`), 1);
  assert.ok(!dataPlane.stats.text().includes('cluster.e.'));
});

test('a cluster that requests name is found from when it is there until it is gone', async (t) => {
  const { port: up } = await upstream(t, (_, response) => response.end('here'));
  const route = { ...routeTo(''), action: { ...defaultForward(''), cluster: byHeader } };
  const { dataPlane, port } = await serveHttp(t, [route], []);
  const status = async (): Promise<number> =>
    (await ask(port, '/', { headers: { 'x-cluster': 'late' } })).status;
  assert.equal(await status(), 503);
  await dataPlane.update({ clusters: { set: [cluster('late', [up])] } });
  assert.equal(await status(), 200);
  await dataPlane.update({ clusters: { remove: ['late'] } });
  assert.equal(await status(), 503);
});
