// Sidecars speak mutual TLS with each other unasked, and still serve whoever has none; TLS from outside ends at the gateway.
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

test('one port may still be open to those without mutual TLS', async () => {
  await cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: httpbin }
spec:
  selector: { matchLabels: { app: httpbin } }
  mtls: { mode: STRICT }
  portLevelMtls: { 80: { mode: PERMISSIVE } }
EOF`);
  await eventually(() =>
    headersSeen('kubectl exec -n outside deploy/sleep --', 'http://httpbin.default:8000/headers'),
  );
  await cluster.sh('kubectl delete peerauthentication httpbin default');
});

test('a sidecar that ends while the control plane is away speaks mutual TLS again', async () => {
  const restarts = async (): Promise<number> =>
    Number(
      await cluster.sh(
        `kubectl get pod -l app=httpbin -o jsonpath='{.items[0].status.containerStatuses[?(@.name=="istio-proxy")].restartCount}'`,
      ),
    );
  const before = await restarts();
  await cluster.sh('kubectl scale -n istio-system deploy/istiod --replicas=0');
  await eventually(async () => {
    assert.doesNotMatch(await cluster.sh('kubectl get pods -n istio-system'), /istiod/);
  });
  try {
    await cluster.sh(
      'kubectl exec deploy/httpbin -c istio-proxy -- curl -s -X POST localhost:15000/quitquitquit',
    );
    await eventually(async () => assert.ok((await restarts()) > before));
    await eventually(async () => {
      const headers = await headersSeen(
        'kubectl exec deploy/sleep -c sleep --',
        'http://httpbin:8000/headers',
      );
      assert.match(
        headers['X-Forwarded-Client-Cert'] ?? '',
        /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/sleep/,
      );
    });
  } finally {
    await cluster.sh('kubectl scale -n istio-system deploy/istiod --replicas=1');
    await cluster.sh('kubectl wait -n istio-system --for=condition=Ready pod --all --timeout=30s');
  }
});

test('TLS ends at the gateway with the certificate of a secret, and asks clients for theirs where told to', async () => {
  const folder = `${cluster.dataDir}/certificates`;
  await cluster.sh(`mkdir ${folder} && cd ${folder}
openssl req -x509 -nodes -days 2 -newkey rsa:2048 -subj /CN=example.com -keyout ca.key -out ca.crt
for name in httpbin client; do
  openssl req -nodes -newkey rsa:2048 -subj /CN=$name.example.com -keyout $name.key -out $name.csr
  openssl x509 -req -days 2 -CA ca.crt -CAkey ca.key -set_serial 0x$RANDOM -in $name.csr -out $name.crt \\
    -extfile <(echo subjectAltName=DNS:$name.example.com)
done
kubectl create -n istio-system secret generic httpbin-credential \\
  --from-file=tls.key=httpbin.key --from-file=tls.crt=httpbin.crt --from-file=ca.crt=ca.crt`);
  const gateway = (mode: string): Promise<string> =>
    cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: mygateway }
spec:
  selector: { istio: ingressgateway }
  servers:
    - port: { number: 443, name: https, protocol: HTTPS }
      tls: { mode: ${mode}, credentialName: httpbin-credential }
      hosts: [httpbin.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: httpbin }
spec:
  hosts: [httpbin.example.com]
  gateways: [mygateway]
  http: [{ route: [{ destination: { host: httpbin, port: { number: 8000 } } }] }]
EOF`);
  const { ingress } = JSON.parse(await cluster.sh('lateen status -o json')) as {
    ingress: { address: string; ports: Record<string, number> };
  };
  const port = ingress.ports['443'];
  const ask = (options = ''): Promise<Record<string, string>> =>
    headersSeen(
      `cd ${folder};`,
      `--cacert ca.crt ${options} --connect-to httpbin.example.com:443:${ingress.address}:${port} https://httpbin.example.com/headers`,
    );
  await gateway('SIMPLE');
  await eventually(() => ask());
  await gateway('MUTUAL');
  await eventually(async () => {
    await assert.rejects(ask());
    const headers = await ask('--cert client.crt --key client.key');
    assert.match(
      headers['X-Forwarded-Client-Cert'] ?? '',
      /Subject="CN=client\.example\.com".*DNS=client\.example\.com/,
    );
  });
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
