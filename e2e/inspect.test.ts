// What proxies were told, as istioctl shows it: proxy-status, proxy-config, dashboard envoy.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { root, startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster('--demo');
  await cluster.sh(
    'kubectl apply -f samples/bookinfo/networking/destination-rule-reviews.yaml -f samples/bookinfo/networking/virtual-service-reviews-jason-v2-v3.yaml',
  );
});
after(() => cluster.remove());

test('every proxy is shown with how far it has followed', async () => {
  await eventually(async () => {
    const lines = (await cluster.sh('istioctl proxy-status')).split('\n');
    assert.match(lines[0] ?? '', /^NAME +CLUSTER +CDS +LDS +EDS +RDS +ECDS +ISTIOD +VERSION$/);
    assert.equal(lines.length, 8);
    for (const line of lines.slice(1))
      assert.match(line, /Kubernetes( +SYNCED){4} +NOT SENT +istiod-\S+ +\d+\.\d+\.\d+$/);
  });
  assert.equal(
    await cluster.sh('istioctl ps deploy/productpage-v1'),
    'Clusters Match\nListeners Match\nRoutes Match',
  );
});

test('a proxy is asked for what it has', async () => {
  const pc = (words: string) => cluster.sh(`istioctl proxy-config ${words}`);
  assert.match(
    await pc('clusters deploy/productpage-v1 --fqdn reviews --subset v2'),
    /\nreviews\.default\.svc\.cluster\.local +9080 +v2 +outbound +EDS +reviews\.default$/,
  );
  assert.match(
    await pc('routes deploy/productpage-v1.default --name 9080'),
    /\n9080 +reviews\S+ .*\/\* +reviews\.default\n/,
  );
  assert.match(
    await pc('listeners deploy/productpage-v1 --port 15006'),
    /Addr: \*:9080 +Cluster: inbound\|9080\|\|/,
  );
  assert.match(
    await pc(
      "endpoints deploy/productpage-v1 --cluster 'outbound|9080|v3|reviews.default.svc.cluster.local'",
    ),
    /^ENDPOINT .*\n10\.\S+:9080 +HEALTHY +OK +outbound\|9080\|v3\|/,
  );
  const secrets = await pc('secret deploy/productpage-v1');
  assert.match(secrets, /\ndefault +Cert Chain +ACTIVE +true /);
  assert.match(secrets, /\nROOTCA +CA +ACTIVE +true /);
  const gateway = '-n istio-system deploy/istio-ingressgateway';
  const [http] = JSON.parse(await pc(`routes ${gateway} --name http.8080 -o json`)) as {
    virtualHosts: { routes: unknown[] }[];
  }[];
  assert.ok((http?.virtualHosts[0]?.routes.length ?? 0) > 0);
  assert.match(await pc('log deploy/productpage-v1 --level rbac:debug'), /\n +rbac: debug\n/);
  assert.equal(
    await cluster.sh(
      'kubectl exec deploy/productpage-v1 -c istio-proxy -- pilot-agent request GET config_dump | istioctl pc clusters -f - --fqdn details',
    ),
    await pc('clusters deploy/productpage-v1 --fqdn details'),
  );
});

test('pods without a sidecar are named as such', async () => {
  const { code, stderr } = await cluster.trySh('istioctl pc clusters deploy/istiod.istio-system');
  assert.equal(code, 1);
  assert.match(stderr, /pod istiod-\S+\.istio-system has no sidecar/);
});

test('the admin pages of a proxy are served on the loopback', async (t) => {
  const served = spawn(
    join(root, 'node_modules/.bin/lateen'),
    ['dashboard', 'envoy', 'deploy/productpage-v1', '--no-browser'],
    {
      env: { ...process.env, KUBECONFIG: join(cluster.dataDir, 'kubeconfig') },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  t.after(() => served.kill());
  const [url] = (await once(createInterface({ input: served.stdout }), 'line')) as [string];
  assert.match(await (await fetch(`${url}/server_info`)).text(), /"state": "LIVE"/);
  assert.equal((await fetch(`${url}/logging?level=info`, { method: 'POST' })).status, 200);
  assert.equal((await fetch(`${url}/nothing`)).status, 502);
});
