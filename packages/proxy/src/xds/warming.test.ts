import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock, silentLogger } from '@lateen/core';
import {
  defaultCluster,
  defaultFilterChain,
  defaultHttpConnectionManager,
  defaultListener,
  defaultRouteConfiguration,
  type Cluster,
  type DataPlaneChange,
  type Listener,
} from '../model/index.ts';
import { LazyOpenssl } from '../tls/openssl/openssl.ts';
import { Warming, type WarmingOptions } from './warming.ts';

const timeout = (model: Cluster, warmingTimeoutMs = 0) => ({ model, warmingTimeoutMs });
const eds = (name: string): Cluster => ({
  ...defaultCluster(name),
  discovery: { kind: 'eds', serviceName: '' },
});
const rds = (
  name: string,
  route: string,
  warmingTimeoutMs = 0,
): { model: Listener; warmingTimeoutMs: number } => ({
  model: defaultListener(name, { kind: 'socket', address: '127.0.0.1', port: 0 }, [
    defaultFilterChain([defaultHttpConnectionManager({ kind: 'rds', name: route })]),
  ]),
  warmingTimeoutMs,
});
const endpoints = (name: string) => ({
  name,
  localities: [],
  overprovisioningFactor: 140,
  dropFractions: [],
});

function harness(options: Partial<WarmingOptions> = {}) {
  const clock = new TestClock();
  const changes: DataPlaneChange[] = [];
  const wanted: Record<string, readonly string[]> = {};
  let ready = 0;
  const warming = new Warming({
    dataPlane: {
      openssl: new LazyOpenssl(),
      prepareCluster: () => undefined,
      prepareListener: () => undefined,
      async update(change) {
        changes.push(change);
        const refused = (change.listeners?.set ?? []).filter((l) => l.name === 'bad');
        return {
          refused: refused.map(({ name }) => ({
            kind: 'listeners',
            name,
            problems: [{ path: '', message: 'no' }],
          })),
        };
      },
    },
    clock,
    log: silentLogger,
    want: (kind, names) => {
      wanted[kind] = [...names.keys()];
    },
    isLocalSecret: (name) => name === 'default',
    clustersExpected: true,
    listenersExpected: true,
    onReady: () => ready++,
    ...options,
  });
  const active = (kind: 'clusters' | 'listeners') =>
    changes.flatMap((change) => (change[kind]?.set ?? []).map((resource) => resource.name));
  return { clock, changes, wanted, warming, active, ready: () => ready };
}

test('a cluster waits for its endpoints, which are asked for by name', async () => {
  const h = harness();
  await h.warming.apply({ clusters: { set: [timeout(eds('a')), timeout(defaultCluster('b'))] } });
  assert.deepEqual(h.active('clusters'), ['b']);
  assert.deepEqual(h.wanted['endpoints'], ['a']);
  assert.deepEqual(h.warming.warming.clusters, ['a']);
  await h.warming.apply({ endpoints: { set: [endpoints('a')] } });
  assert.deepEqual(h.active('clusters'), ['b', 'a']);
  assert.equal(h.changes.at(-1)?.endpoints?.set?.length, 1);
});

test('a cluster whose endpoints are said not to exist comes into force without any', async () => {
  const h = harness();
  await h.warming.apply({ clusters: { set: [timeout(eds('a'))] } });
  await h.warming.apply({ endpoints: { remove: ['a'] } });
  assert.deepEqual(h.active('clusters'), ['a']);
});

test('at the start listeners wait for the first clusters, later only for their own routes', async () => {
  const h = harness();
  await h.warming.apply({ listeners: { set: [rds('l', 'r')] } });
  await h.warming.apply({ routes: { set: [defaultRouteConfiguration('r', [])] } });
  assert.deepEqual(h.active('listeners'), []);
  assert.deepEqual(h.warming.missing, ['clusters have not been received', 'listener l is warming']);
  await h.warming.apply({ clusters: { set: [timeout(eds('a'))] } });
  assert.deepEqual(h.active('listeners'), []);
  assert.equal(h.ready(), 0);
  await h.warming.apply({ endpoints: { set: [endpoints('a')] } });
  assert.deepEqual(h.active('listeners'), ['l']);
  assert.equal(h.ready(), 1);
  await h.warming.apply({ clusters: { set: [timeout(eds('late'))] }, listeners: { set: [rds('m', 'r')] } });
  assert.deepEqual(h.active('listeners'), ['l', 'm']);
});

test('the first clusters, and after them the first listeners, are waited for as long as their sources say', async () => {
  const given: string[] = [];
  const turns: string[] = [];
  const h = harness({
    firstTimeoutMs: { clusters: 2_000, listeners: 1_000 },
    onFirstTimeout: (kind) => given.push(kind),
    onTurn: (kind) => turns.push(kind),
  });
  h.clock.advance(5_000);
  assert.deepEqual(turns, []);
  h.warming.begin();
  assert.deepEqual(turns, ['clusters']);
  await h.warming.apply({ isStatic: true, listeners: { set: [rds('own', 'r')] } });
  h.clock.advance(1_999);
  assert.deepEqual(h.warming.missing.slice(0, 2), [
    'clusters have not been received',
    'listeners have not been received',
  ]);
  h.clock.advance(1);
  await h.warming.apply({ routes: { set: [defaultRouteConfiguration('r', [])] } });
  assert.deepEqual(h.warming.missing, ['listeners have not been received']);
  assert.deepEqual(turns, ['clusters', 'listeners']);
  h.clock.advance(1_000);
  await h.warming.apply({});
  assert.deepEqual([given, h.ready(), h.warming.ready], [['clusters', 'listeners'], 1, true]);
  // What comes later is taken as ever; what has come in time is not given up.
  await h.warming.apply({ clusters: { set: [timeout(eds('late'))] } });
  assert.deepEqual(h.warming.warming.clusters, ['late']);
  const intime = harness({
    firstTimeoutMs: { clusters: 10, listeners: 0 },
    onFirstTimeout: (kind) => given.push(kind),
  });
  intime.warming.begin();
  await intime.warming.apply({ clusters: { set: [] } });
  intime.clock.advance(60_000);
  assert.deepEqual(intime.warming.missing, ['listeners have not been received']);
  assert.equal(given.length, 2);
});

test('listeners are asked for when the clusters that came first are warm, whatever was kept', async () => {
  const turns: string[] = [];
  const h = harness({ onTurn: (kind) => turns.push(kind) });
  await h.warming.apply({ isKept: true, clusters: { set: [timeout(eds('old'))] } });
  h.warming.begin();
  await h.warming.apply({});
  assert.deepEqual([turns, h.warming.clustersDone], [['clusters'], false]);
  await h.warming.apply({ clusters: { set: [timeout(eds('a'))] } });
  assert.deepEqual([turns, h.warming.clustersDone], [['clusters'], false]);
  await h.warming.apply({ endpoints: { set: [endpoints('a')] } });
  assert.deepEqual([turns, h.warming.clustersDone], [['clusters', 'listeners'], true]);
});

test('a new version of a listener replaces the old one only when its routes are there', async () => {
  const h = harness({ clustersExpected: false });
  await h.warming.apply({
    listeners: { set: [rds('l', 'one')] },
    routes: { set: [defaultRouteConfiguration('one', [])] },
  });
  await h.warming.apply({ listeners: { set: [rds('l', 'two')] } });
  assert.deepEqual(h.active('listeners'), ['l']);
  assert.deepEqual(h.wanted['routes'], ['one', 'two']);
  await h.warming.apply({ routes: { set: [defaultRouteConfiguration('two', [])] } });
  assert.deepEqual(h.active('listeners'), ['l', 'l']);
  assert.deepEqual(h.wanted['routes'], ['two']);
  assert.deepEqual(h.changes.at(-1)?.routes?.remove, ['one']);
});

test('what waits too long comes into force without what it waits for', async () => {
  const h = harness();
  await h.warming.apply({ clusters: { set: [timeout(eds('a'), 15_000)] } });
  h.clock.advance(15_000);
  await h.warming.apply({});
  assert.deepEqual(h.active('clusters'), ['a']);
});

test('static resources wait for no subscription and do not make the proxy ready', async () => {
  const h = harness();
  const inline = defaultListener('s', { kind: 'socket', address: '127.0.0.1', port: 0 }, []);
  await h.warming.apply({
    isStatic: true,
    clusters: { set: [timeout(defaultCluster('local'))] },
    listeners: { set: [{ model: inline, warmingTimeoutMs: 0 }] },
  });
  assert.deepEqual(h.active('listeners'), ['s']);
  assert.equal(h.ready(), 0);
  await h.warming.apply({ clusters: {} });
  await h.warming.apply({ listeners: {} });
  assert.equal(h.ready(), 1);
});

test('a listener that the data plane refuses is not counted as in force and does not block readiness', async () => {
  const h = harness({ clustersExpected: false });
  const refused = await h.warming.apply({
    listeners: { set: [rds('bad', 'r')] },
    routes: { set: [defaultRouteConfiguration('r', [])] },
  });
  assert.deepEqual(
    refused.map((r) => r.name),
    ['bad'],
  );
  assert.equal(h.ready(), 1);
  await h.warming.apply({ listeners: { remove: ['bad'] } });
  assert.equal(h.changes.at(-1)?.listeners, undefined);
});

test('what is referred to stays when a control plane removes it, and who waits for it waits no longer', async () => {
  const h = harness({ clustersExpected: false });
  await h.warming.apply({
    listeners: { set: [rds('l', 'r')] },
    routes: { set: [defaultRouteConfiguration('r', []), defaultRouteConfiguration('of nobody', [])] },
  });
  await h.warming.apply({ routes: { remove: ['r', 'of nobody'] } });
  assert.deepEqual(h.changes.at(-1)?.routes?.remove, ['of nobody']);
  await h.warming.apply({ listeners: { set: [rds('m', 'missing')] } });
  assert.deepEqual(h.active('listeners'), ['l']);
  await h.warming.apply({ routes: { remove: ['missing'] } });
  assert.deepEqual(h.active('listeners'), ['l', 'm']);
});
