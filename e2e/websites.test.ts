// The tutorial of the three coloured web sites behind the gateway.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster('--cluster-only');
});
after(() => cluster.remove());

async function pageTitle(): Promise<string> {
  const address = await cluster.sh(
    "kubectl get services istio-ingressgateway -n istio-system -o jsonpath='{.status.loadBalancer.ingress[0].ip}'",
  );
  const port = await cluster.sh(
    'lateen status -o json | node -pe \'JSON.parse(require("fs").readFileSync(0)).ingress.port\'',
  );
  const page = await cluster.sh(`curl -s --fail http://${address}:${port}/`);
  return /<title>(.*)<\/title>/.exec(page)?.[1] ?? page;
}

test('the mesh is installed by applying the manifest of the demo profile', async () => {
  const applied = await cluster.sh('kubectl apply -f install/kubernetes/istio-demo.yaml');
  assert.match(applied, /deployment.apps\/istiod created/);
  await cluster.sh('kubectl wait -n istio-system --for=condition=Ready pod --all --timeout=30s');
  assert.match(
    await cluster.sh('istioctl verify-install --set profile=demo'),
    /✔ Istio is installed and verified successfully/,
  );
});

test('manifests of apps/v1beta1 are injected into a file and created from it', async () => {
  await cluster.sh(
    `istioctl kube-inject -f e2e/manifests/my-websites.yaml -o ${cluster.dataDir}/my-websites-with-proxy.yaml`,
  );
  const created = await cluster.sh(`kubectl create -f ${cluster.dataDir}/my-websites-with-proxy.yaml`);
  for (const name of ['web-v1', 'web-v2', 'web-v3'])
    assert.match(created, new RegExp(`deployment.apps/${name} created`));
  await cluster.sh('kubectl wait --for=condition=Ready pod --all --timeout=30s');
  for (const line of (await cluster.sh('kubectl get pods --no-headers')).split('\n'))
    assert.match(line, /2\/2\s+Running/);
});

test('the routing file sends every visitor to version 1', async () => {
  await cluster.sh('kubectl create -f e2e/manifests/website-routing.yaml');
  await eventually(async () => assert.equal(await pageTitle(), 'Web site v1'));
  for (let i = 0; i < 20; i++) assert.equal(await pageTitle(), 'Web site v1');
});

test("the sidecar's log tells of the clusters it got", async () => {
  const pod = await cluster.sh("kubectl get pods -o jsonpath='{.items[0].metadata.name}'");
  const log = await cluster.sh(`kubectl logs ${pod} istio-proxy`);
  for (const version of [1, 2, 3]) {
    assert.match(
      log,
      new RegExp(`outbound\\|80\\|version-${version}\\|website\\.default\\.svc\\.cluster\\.local`),
    );
  }
});

test('a changed subset moves every visitor to another version', async () => {
  await cluster.sh(
    'sed s/subset:.version-1/subset:\\ version-3/ e2e/manifests/website-routing.yaml | kubectl apply -f -',
  );
  await eventually(async () => assert.equal(await pageTitle(), 'Web site v3'));
  for (let i = 0; i < 20; i++) assert.equal(await pageTitle(), 'Web site v3');
});
