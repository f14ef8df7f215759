// The tutorial of traffic management without sidecars: only a gateway and the control plane.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { assertShares } from './harness/shares.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster('');
});
after(() => cluster.remove());

/** Which version of reviews answered: none, black or red stars. */
async function versionsSeen(url: string, count: number): Promise<string[]> {
  const pod = await cluster.sh('kubectl get pod -l app=sleep -o jsonpath={.items..metadata.name}');
  const output = await cluster.sh(
    `kubectl exec ${pod} -- sh -c 'for i in $(seq ${count}); do curl -s ${url}; echo; done'`,
  );
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const answer = JSON.parse(line) as { reviews: { rating?: { color?: string } }[] };
      const color = answer.reviews[0]?.rating?.color;
      return color === undefined ? 'v1' : color === 'black' ? 'v2' : 'v3';
    });
}

test('Bookinfo and a client run without sidecars', async () => {
  await cluster.sh('kubectl apply -f samples/bookinfo/platform/kube/bookinfo.yaml');
  await cluster.sh('kubectl apply -f samples/sleep/sleep.yaml');
  await cluster.sh('kubectl wait --for=condition=Ready pod --all --timeout=30s');
  for (const line of (await cluster.sh('kubectl get pods --no-headers')).split('\n'))
    assert.match(line, /1\/1\s+Running/);
});

test('the gateway is told to split reviews between v1 and v2', async () => {
  await cluster.sh(`cat <<EOF | kubectl apply -f -
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata:
  name: reviews-gateway
spec:
  selector:
    istio: ingressgateway
  servers:
  - port:
      number: 80
      name: http
      protocol: HTTP
    hosts:
    - "*"
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts:
  - "*"
  gateways:
  - reviews-gateway
  http:
  - match:
    - uri:
        prefix: /reviews
    route:
    - destination:
        host: reviews
        subset: v1
      weight: 50
    - destination:
        host: reviews
        subset: v2
      weight: 50
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata:
  name: reviews
spec:
  host: reviews
  subsets:
  - name: v1
    labels:
      version: v1
  - name: v2
    labels:
      version: v2
  - name: v3
    labels:
      version: v3
EOF`);
});

test('the service itself answers with all three versions', async () => {
  assertShares(await versionsSeen('http://reviews:9080/reviews/0', 150), { v1: 1 / 3, v2: 1 / 3, v3: 1 / 3 });
});

test('the gateway answers with the two versions of the rule, evenly', async () => {
  const url = 'http://istio-ingressgateway.istio-system/reviews/0';
  assertShares(await eventually(() => versionsSeen(url, 200)), { v1: 0.5, v2: 0.5 });
});
