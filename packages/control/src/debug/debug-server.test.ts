import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import { xdsTypes } from '@lateen/protocol/ads';
import type { KubernetesIngest } from '../ingest/kubernetes/adapter.ts';
import { manifestChanges } from '../ingest/kubernetes/manifests.ts';
import { Quarantine } from '../ingest/quarantine.ts';
import { DiscoveryServer } from '../push/discovery-server.ts';
import { decodeNode } from '../push/node.ts';
import { debugServer, type DebugServer } from './debug-server.ts';

describe('the debug server', () => {
  let server: DebugServer;
  let base: string;
  let ready = false;
  const quarantine = new Quarantine();

  before(async () => {
    const discovery = new DiscoveryServer({ clock: systemClock, logger: silentLogger, identifier: 'test' });
    const file = new URL('../translate/golden/bookinfo.yaml', import.meta.url);
    const changes = manifestChanges(readFileSync(file, 'utf8'), 'bookinfo');
    assert.ok(changes.ok);
    discovery.apply(changes.value);
    const proxy = decodeNode({ id: 'sidecar~10.244.0.11~page.default~default.svc.cluster.local' });
    assert.ok(proxy.ok);
    const sink = { sendEncoded: () => true, drained: () => Promise.resolve() };
    const connection = discovery.attach(proxy.value, 'delta', sink, false);
    connection.onDelta({ typeUrl: xdsTypes.cluster.typeUrl });
    connection.onDelta({ typeUrl: xdsTypes.route.typeUrl, resourceNamesSubscribe: ['9080'] });
    quarantine.set({
      kind: 'VirtualService',
      namespace: 'default',
      name: 'bad',
      problems: [{ path: 'spec.http', message: 'is wrong' }],
      lastGoodInForce: true,
      generation: 2,
    });
    const ingest = { quarantine, counts: () => ({}) } as unknown as KubernetesIngest;
    server = debugServer({ discovery, ingest, clock: systemClock, isReady: () => ready });
    base = `http://127.0.0.1:${await server.listen({ port: 0, host: '127.0.0.1' })}`;
  });
  after(() => server.close());

  const json = async (path: string): Promise<unknown> => (await fetch(base + path)).json();

  test('it is ready when the mesh has been read', async () => {
    assert.equal((await fetch(`${base}/ready`)).status, 503);
    ready = true;
    assert.equal((await fetch(`${base}/ready`)).status, 200);
    assert.equal((await fetch(`${base}//ready`)).status, 200, 'as Istio’s istioctl spells paths');
  });

  test('sync status is said in istioctl’s words', async () => {
    const [status] = (await json('/debug/syncz')) as Record<string, string>[];
    assert.equal(status?.['proxy'], 'page.default');
    assert.equal(status?.['cluster_status'], 'STALE');
    assert.equal(status?.['listener_status'], 'NOT SENT');
  });

  test('a proxy’s configuration is shown as Envoy’s config dump', async () => {
    const dump = (await json('/debug/config_dump?proxyID=page.default')) as {
      configs: { '@type': string; dynamicRouteConfigs?: { routeConfig: { name: string } }[] }[];
    };
    const routes = dump.configs.find((config) => config['@type'].endsWith('RoutesConfigDump'));
    assert.equal(routes?.dynamicRouteConfigs?.[0]?.routeConfig.name, '9080');
    const missing = await fetch(`${base}/debug/config_dump?proxyID=nobody`);
    assert.equal(missing.status, 404);
    assert.match(await missing.text(), /no proxy "nobody" is connected/);
  });

  test('what was set aside is shown with its reasons', async () => {
    const [object] = (await json('/debug/quarantinez')) as { problems: string[] }[];
    assert.deepEqual(object?.problems, ['spec.http: is wrong']);
  });

  test('a resource can be asked what it rests on, also on what is not there yet', async () => {
    const { rows, lookups } = (await json('/debug/originz?proxyID=page.default&kind=route&name=9080')) as {
      rows: string[];
      lookups: string[];
    };
    assert.ok(rows.includes('services[default/reviews.default.svc.cluster.local]'));
    assert.ok(!rows.some((row) => row.startsWith('endpointSlices')));
    assert.ok(lookups.includes('virtualServices.host=mesh reviews.default.svc.cluster.local'));
    const unknown = (await json('/debug/originz?proxyID=page.default&kind=route&name=1')) as {
      error: string;
    };
    assert.match(unknown.error, /has not asked for route 1/);
  });

  test('metrics are Prometheus text, under Istio’s names', async () => {
    const text = await (await fetch(`${base}/metrics`)).text();
    assert.match(text, /^pilot_xds\{version="[^"]+"\} 1$/m);
    assert.match(text, /^pilot_xds_pushes\{type="cds"\} 1$/m);
    for (const line of text.trimEnd().split('\n')) {
      assert.match(line, /^(# (HELP|TYPE) \S+ .+|[a-z_]+(\{[^}]*\})? -?[0-9.e+-]+)$/);
    }
  });

  test('the list of pages names them all, and what is not there says where to look', async () => {
    const list = await (await fetch(`${base}/debug`)).text();
    for (const path of ['/debug/syncz', '/debug/endpointz', '/debug/registryz'])
      assert.ok(list.includes(path));
    const missing = await fetch(`${base}/debug/nothing`);
    assert.equal(missing.status, 404);
    assert.match(await missing.text(), /see \/debug/);
    assert.equal((await fetch(`${base}/debug/constructor`)).status, 404);
  });
});
