// The tutorial "a default installation and two versions of an application", step by step.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { assertShares } from './harness/shares.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster('--cluster-only');
});
after(() => cluster.remove());

/** The tutorial's loop, longer: the versions that `count` calls from the test client see. */
async function versionsSeen(count: number): Promise<string[]> {
  const pod = await cluster.sh("kubectl get pod -lapp=testclient -o jsonpath='{.items[0].metadata.name}'");
  const output = await cluster.sh(
    `kubectl exec ${pod} -- bash -c 'for i in $(seq ${count}); do curl -s http://app/env/version; echo; done'`,
  );
  return output.split('\n');
}

test('istioctl installs the mesh into the empty cluster and finds it complete', async () => {
  const installed = await cluster.sh('istioctl install <<<y');
  for (const part of ['Istio core', 'Istiod', 'Ingress gateways'])
    assert.match(installed, new RegExp(`✔ ${part} installed`));
  const verified = await cluster.sh('istioctl verify-install');
  assert.match(
    verified,
    /✔ CustomResourceDefinition: virtualservices\.networking\.istio\.io\S* checked successfully/,
  );
  assert.match(verified, /✔ Istio is installed and verified successfully/);
  const deployments = await cluster.sh('kubectl get deploy -n istio-system');
  assert.match(deployments, /istio-ingressgateway\s+1\/1\s+1\s+1/);
  assert.match(deployments, /istiod\s+1\/1\s+1\s+1/);
});

test('kube-inject adds the sidecar, and every pod becomes ready 2/2', async () => {
  const created = await cluster.sh(
    'istioctl kube-inject -f e2e/manifests/app-istio.yaml | kubectl apply -f - -n default',
  );
  assert.deepEqual(created.split('\n'), [
    'service/app created',
    'deployment.apps/app-v1 created',
    'deployment.apps/app-v2 created',
  ]);
  await cluster.sh('istioctl kube-inject -f e2e/manifests/testclient-deploy.yaml | kubectl apply -f -');
  await cluster.sh('kubectl wait --for=condition=Ready pod --all --timeout=30s');
  const pods = await cluster.sh('kubectl get pod --no-headers');
  for (const line of pods.split('\n'))
    assert.match(line, /^(app-v1|app-v2|testclient)-\S+\s+2\/2\s+Running\s+0/);
  const described = await cluster.sh("kubectl describe pod -l version=v1,app=app | grep -i -B2 'image'");
  for (const container of ['istio-init:', 'app:', 'istio-proxy:'])
    assert.ok(described.includes(container), described);
});

test('without a rule about half of the calls reach each version', async () => {
  assertShares(await eventually(() => versionsSeen(200)), { v1: 0.5, v2: 0.5 });
});

test('the default route sends every call to v2', async () => {
  assert.equal(
    await cluster.sh('kubectl apply -f e2e/manifests/app-destinationrule.yaml'),
    'destinationrule.networking.istio.io/app created',
  );
  assert.equal(
    await cluster.sh('kubectl apply -f e2e/manifests/app-default-vs-v2.yaml'),
    'virtualservice.networking.istio.io/app-default-v2 created',
  );
  await eventually(async () => assertShares(await versionsSeen(50), { v2: 1 }));
});

test('the installation is taken away as it was generated, with nothing missed', async () => {
  // Without the end of the namespace, for which a person waits some seconds.
  const { code, stdout, stderr } = await cluster.trySh(
    'istioctl manifest generate | kubectl delete --wait=false -f -',
  );
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /deployment\.apps "istiod" deleted/);
  assert.match(stdout, /service "istio-ingressgateway" deleted/);
});
