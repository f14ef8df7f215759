import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import {
  defaultForward,
  defaultRoute,
  type Cluster,
  type ForwardAction,
  type OutlierDetection,
} from '../model/index.ts';
import {
  ask,
  cluster,
  endpoint,
  httpListener,
  portOf,
  routeTable,
  serveHttp,
  startDataPlane,
  upstream,
  type Closers,
} from '../testing/harness.ts';

const outlier: OutlierDetection = {
  consecutive5xx: 2,
  consecutiveGatewayFailure: 5,
  consecutiveLocalOriginFailure: 5,
  enforcingConsecutive5xx: 100,
  enforcingConsecutiveGatewayFailure: 0,
  enforcingConsecutiveLocalOriginFailure: 100,
  enforcingSuccessRate: 0,
  successRateMinimumHosts: 5,
  successRateRequestVolume: 100,
  successRateStdevFactor: 1_900,
  failurePercentageThreshold: 85,
  enforcingFailurePercentage: 0,
  enforcingLocalOriginSuccessRate: 0,
  enforcingLocalOriginFailurePercentage: 0,
  failurePercentageMinimumHosts: 5,
  failurePercentageRequestVolume: 50,
  splitExternalLocalOriginErrors: false,
  intervalMs: 1_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionTimeMs: 300_000,
  maxEjectionTimeJitterMs: 0,
  maxEjectionPercent: 100,
  alwaysEjectOneHost: false,
  healthCheckUnejects: true,
};

/** Endpoints that answer with their number; `status` may be changed while they run. */
async function numbered(t: Closers, count: number) {
  const list = [];
  for (let i = 0; i < count; i++) {
    const one = { port: 0, status: 200 };
    one.port = (
      await upstream(t, (_, response) => {
        response.statusCode = one.status;
        response.end(String(i));
      })
    ).port;
    list.push(one);
  }
  return list;
}

function routeWith(name: string, more: Partial<ForwardAction>) {
  return defaultRoute({ ...defaultForward(name), ...more });
}

async function answers(port: number, count: number, headers: Record<string, string> = {}): Promise<string[]> {
  const list: string[] = [];
  for (let i = 0; i < count; i++) list.push((await ask(port, `/${i}`, { headers })).body);
  return list;
}

const ring: Cluster['loadBalancing'] = {
  kind: 'ring_hash',
  minRingSize: 1_024,
  maxRingSize: 8_388_608,
  hashFunction: 'xx_hash',
  useHostnameForHashing: false,
};

test('an endpoint that keeps failing gets no more requests until its time is over', async (t) => {
  const [bad, good] = await numbered(t, 2);
  const clock = new TestClock();
  bad!.status = 500;
  const { port, dataPlane } = await serveHttp(
    t,
    [routeWith('up', {})],
    [cluster('up', [bad!.port, good!.port], { outlierDetection: outlier, panicThresholdPercent: 0 })],
    {},
    { clock },
  );
  assert.deepEqual(new Set(await answers(port, 4)), new Set(['0', '1']));
  assert.deepEqual(new Set(await answers(port, 10)), new Set(['1']));
  assert.match(dataPlane.stats.text(), /^cluster\.up\.outlier_detection\.ejections_active: 1$/m);
  assert.deepEqual(
    dataPlane.clusters()[0]?.endpoints.map((one) => one.ejected),
    [true, false],
  );
  bad!.status = 200;
  clock.advance(30_000);
  assert.deepEqual(new Set(await answers(port, 4)), new Set(['0', '1']));
});

test('a new version of a cluster keeps what is ejected, and one without detection lets it back', async (t) => {
  const [bad, good] = await numbered(t, 2);
  bad!.status = 500;
  const model = cluster('up', [bad!.port, good!.port], {
    outlierDetection: outlier,
    panicThresholdPercent: 0,
  });
  const { port, dataPlane } = await serveHttp(t, [routeWith('up', {})], [model]);
  await answers(port, 4);
  await dataPlane.update({
    clusters: { set: [{ ...model, circuitBreakers: { ...model.circuitBreakers } }] },
  });
  assert.deepEqual(new Set(await answers(port, 6)), new Set(['1']));
  const { outlierDetection: _, ...without } = model;
  await dataPlane.update({ clusters: { set: [without] } });
  assert.deepEqual(new Set(await answers(port, 4)), new Set(['0', '1']));
});

test('requests with the same header reach the same endpoint, others spread', async (t) => {
  const list = await numbered(t, 4);
  for (const loadBalancing of [
    ring,
    { kind: 'maglev', tableSize: 65_537, useHostnameForHashing: false } as const,
  ]) {
    const { port } = await serveHttp(
      t,
      [routeWith('up', { hashPolicies: [{ kind: 'header', name: 'x-user', terminal: false }] })],
      [
        cluster(
          'up',
          list.map((one) => one.port),
          { loadBalancing },
        ),
      ],
    );
    const seen = new Set<string>();
    for (let user = 0; user < 30; user++) {
      const got = new Set(await answers(port, 3, { 'x-user': `user-${user}` }));
      assert.equal(got.size, 1);
      for (const one of got) seen.add(one);
    }
    assert.equal(seen.size, 4);
  }
});

test('a client without the cookie is given one, which leads it to the same endpoint again', async (t) => {
  const list = await numbered(t, 4);
  const { port } = await serveHttp(
    t,
    [
      routeWith('up', {
        hashPolicies: [{ kind: 'cookie', name: 'session', path: '/shop', ttlMs: 3_600_000, terminal: true }],
      }),
    ],
    [
      cluster(
        'up',
        list.map((one) => one.port),
        { loadBalancing: ring },
      ),
    ],
  );
  for (let i = 0; i < 5; i++) {
    const first = await ask(port);
    const [line] = first.headers['set-cookie'] ?? [];
    assert.match(line ?? '', /^session="[0-9a-f]{16}"; Max-Age=3600; Path=\/shop; HttpOnly$/);
    const cookie = `other=1; ${line?.split(';')[0]}`;
    const again = await ask(port, '/', { headers: { cookie } });
    assert.equal(again.body, first.body);
    assert.equal(again.headers['set-cookie'], undefined);
  }
});

test('hash policies look at query parameters and the source, and a terminal one that finds something is the last', async (t) => {
  const list = await numbered(t, 8);
  const endpoints = list.map((one) => one.port);
  const { port } = await serveHttp(
    t,
    [
      routeWith('up', {
        hashPolicies: [
          { kind: 'query_parameter', name: 'user', terminal: true },
          { kind: 'source_ip', terminal: false },
        ],
      }),
    ],
    [cluster('up', endpoints, { loadBalancing: ring })],
  );
  const of = async (path: string): Promise<string> => (await ask(port, path)).body;
  const byUser = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const one = await of(`/?a=b&user=${i}`);
    assert.equal(await of(`/other?user=${i}&x=${i}`), one);
    byUser.add(one);
  }
  assert.ok(byUser.size > 3);
  // Without the parameter the source decides, and it is always the same.
  assert.equal(new Set([await of('/a'), await of('/b'), await of('/c?x=1')]).size, 1);
});

test('subsets: the metadata of the route, with that of the weighted cluster on top, chooses the endpoints', async (t) => {
  const list = await numbered(t, 3);
  const lb = (values: Record<string, string>) => ({ metadata: { 'envoy.lb': values } });
  const endpoints = [
    endpoint(list[0]!.port, lb({ version: 'v1', stage: 'prod' })),
    endpoint(list[1]!.port, lb({ version: 'v2', stage: 'prod' })),
    endpoint(list[2]!.port, lb({ version: 'v2', stage: 'dev' })),
  ];
  const subsets: NonNullable<Cluster['subsets']> = {
    fallback: 'default_subset',
    defaultSubset: { stage: 'dev' },
    selectors: [
      { keys: ['version'], fallbackKeys: [] },
      { keys: ['stage', 'version'], fallback: 'keys_subset', fallbackKeys: ['version'] },
      { keys: ['stage'], fallback: 'none', fallbackKeys: [] },
    ],
    panicModeAny: false,
    listAsAny: false,
  };
  const dataPlane = startDataPlane(t);
  const asked = async (metadata: Record<string, string> | undefined): Promise<Set<string>> => {
    const match = metadata === undefined ? {} : { metadataMatch: { 'envoy.lb': metadata } };
    await dataPlane.update({
      clusters: { set: [cluster('up', endpoints, { subsets })] },
      listeners: { set: [httpListener(routeTable([routeWith('up', match)]))] },
    });
    return new Set(await answers(portOf(dataPlane), 6));
  };
  assert.deepEqual(await asked({ version: 'v1' }), new Set(['0']));
  assert.deepEqual(await asked({ version: 'v2' }), new Set(['1', '2']));
  assert.deepEqual(await asked({ version: 'v2', stage: 'dev' }), new Set(['2']));
  assert.deepEqual(await asked({ version: 'v1', stage: 'dev' }), new Set(['0']));
  assert.deepEqual(await asked({ version: 'v9' }), new Set(['2']));
  assert.deepEqual(await asked(undefined), new Set(['2']));
  assert.deepEqual(await asked({ stage: 'none' }), new Set(['no healthy upstream']));
  assert.match(dataPlane.stats.text(), /^cluster\.up\.lb_subsets_active: 7$/m);
});

test('an aggregate cluster uses its members in their order as far as they are healthy', async (t) => {
  const list = await numbered(t, 2);
  const both: Cluster = {
    ...cluster('both', []),
    discovery: { kind: 'aggregate', clusters: ['first', 'second'] },
    loadBalancing: { kind: 'cluster_provided' },
  };
  const first = (healthStatus: 'healthy' | 'unhealthy') =>
    cluster('first', [endpoint(list[0]!.port, { healthStatus })]);
  const { port, dataPlane } = await serveHttp(
    t,
    [routeWith('both', {})],
    [both, first('healthy'), cluster('second', [list[1]!.port])],
  );
  assert.deepEqual(new Set(await answers(port, 5)), new Set(['0']));
  await dataPlane.update({ clusters: { set: [first('unhealthy')] } });
  assert.deepEqual(new Set(await answers(port, 5)), new Set(['1']));
  await dataPlane.update({ clusters: { remove: ['first'] } });
  assert.deepEqual(new Set(await answers(port, 5)), new Set(['1']));
  assert.match(dataPlane.stats.text(), /^cluster\.second\.upstream_rq_total: 10$/m);
  // Answers are those of the cluster that the route names.
  assert.match(dataPlane.stats.text(), /^cluster\.both\.upstream_rq_200: 15$/m);
  assert.doesNotMatch(dataPlane.stats.text(), /^cluster\.second\.upstream_rq_200:/m);
  await dataPlane.update({ clusters: { remove: ['second'] } });
  assert.equal((await ask(port)).status, 503);
});

test('peak EWMA learns from answers and leaves the slow endpoint to the others', async (t) => {
  const clock = new TestClock();
  const fast = await upstream(t, (_, response) => void response.end('fast'));
  const slow = await upstream(t, (_, response) => {
    // The clock of the proxy: what it sees is an answer that took 300 ms.
    clock.advance(300);
    response.end('slow');
  });
  const { port } = await serveHttp(
    t,
    [routeWith('up', {})],
    [cluster('up', [slow.port, fast.port], { loadBalancing: { kind: 'peak_ewma', decayMs: 10_000 } })],
    {},
    { clock },
  );
  const got = await answers(port, 40);
  assert.ok(got.filter((one) => one === 'slow').length <= 2, got.join(' '));
});

test('an endpoint that comes while nothing happens starts slowly from then on', async (t) => {
  const clock = new TestClock();
  const [old, fresh] = await numbered(t, 2);
  const slowStart = { windowMs: 60_000, aggression: 1, minWeightPercent: 10 };
  const model = cluster('up', [], {
    discovery: { kind: 'eds', serviceName: '' },
    loadBalancing: { kind: 'round_robin', slowStart },
  });
  const { port, dataPlane } = await serveHttp(t, [routeWith('up', {})], [model], {}, { clock });
  const take = async (...ports: readonly number[]): Promise<void> => {
    const { loadAssignment } = cluster('up', ports);
    assert.ok(loadAssignment !== undefined);
    assert.deepEqual((await dataPlane.update({ endpoints: { set: [loadAssignment] } })).refused, []);
  };
  const share = async (): Promise<number> => (await answers(port, 44)).filter((one) => one === '1').length;
  await take(old!.port);
  assert.equal(await share(), 0);
  // No connection and no timer tells the time meanwhile.
  clock.advance(600_000);
  await take(old!.port, fresh!.port);
  const first = await share();
  assert.ok(first >= 2 && first <= 6, `${first} of 44 at a tenth of its weight`);
  clock.advance(60_000);
  // Its next turn was fixed by the weight of before, up to ten requests away.
  await share();
  const last = await share();
  assert.ok(last >= 18 && last <= 26, `${last} of 44 at its whole weight`);
});
