// Sidecars speak mutual TLS with each other unasked, and still serve whoever has none.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster('');
  await cluster.sh(
    'kubectl label namespace default istio-injection=enabled && kubectl create namespace outside',
  );
  await cluster.sh('kubectl apply -f samples/httpbin/httpbin.yaml -f samples/sleep/sleep.yaml');
  await cluster.sh('kubectl apply -n outside -f samples/sleep/sleep.yaml');
  await cluster.sh('kubectl wait --for=condition=Ready pod --all --timeout=30s');
  await cluster.sh('kubectl wait -n outside --for=condition=Ready pod --all --timeout=30s');
});
after(() => cluster.remove());

/** What httpbin sees of a request's headers. */
async function headersSeen(client: string, url: string): Promise<Record<string, string>> {
  return (
    JSON.parse(await cluster.sh(`${client} curl -s --fail ${url}`)) as { headers: Record<string, string> }
  ).headers;
}

test('a service is told by whose sidecar it was called', async () => {
  await eventually(async () => {
    const headers = await headersSeen('kubectl exec deploy/sleep -c sleep --', 'http://httpbin:8000/headers');
    const certificate = headers['X-Forwarded-Client-Cert'] ?? '';
    assert.match(certificate, /Hash=[0-9a-f]{64}/);
    assert.match(certificate, /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/sleep/);
  });
});

test('a client without a sidecar is served in plain', async () => {
  const headers = await headersSeen(
    'kubectl exec -n outside deploy/sleep --',
    'http://httpbin.default:8000/headers',
  );
  assert.equal(headers['X-Forwarded-Client-Cert'], undefined);
});

test('where only mutual TLS is allowed, a client without it is refused and one with it is served', async () => {
  await cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: default }
spec: { mtls: { mode: STRICT } }
EOF`);
  await eventually(async () => {
    const outside = await cluster.trySh(
      'kubectl exec -n outside deploy/sleep -- curl -s --fail -m 5 http://httpbin.default:8000/headers',
    );
    assert.notEqual(outside.code, 0);
  });
  await headersSeen('kubectl exec deploy/sleep -c sleep --', 'http://httpbin:8000/headers');
});

test('the metrics of a sidecar name both workloads', async () => {
  await eventually(async () => {
    const metrics = await cluster.sh(
      'kubectl exec deploy/httpbin -c istio-proxy -- curl -s localhost:15020/stats/prometheus | grep istio_requests_total',
    );
    assert.match(metrics, /source_workload="sleep"/);
    assert.match(metrics, /destination_workload="httpbin"/);
    assert.match(metrics, /connection_security_policy="mutual_tls"/);
  });
});
