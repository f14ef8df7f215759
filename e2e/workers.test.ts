// A sidecar that serves by two threads, as `concurrency` of ProxyConfig asks for.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster('');
  await cluster.sh('kubectl label namespace default istio-injection=enabled');
  await cluster.sh('kubectl apply -f samples/httpbin/httpbin.yaml -f samples/sleep/sleep.yaml');
  const config = { 'proxy.istio.io/config': 'concurrency: 2' };
  const patch = JSON.stringify({ spec: { template: { metadata: { annotations: config } } } });
  for (const name of ['httpbin', 'sleep']) await cluster.sh(`kubectl patch deployment ${name} -p '${patch}'`);
  for (const name of ['httpbin', 'sleep'])
    await cluster.sh(`kubectl rollout status deployment/${name} --timeout=40s`);
});
after(() => cluster.remove());

const ofSidecar = (name: string, path: string): Promise<string> =>
  cluster.sh(`kubectl exec deploy/${name} -c istio-proxy -- pilot-agent request GET '${path}'`);

test('both sidecars have two workers', async () => {
  for (const name of ['httpbin', 'sleep']) {
    const info = JSON.parse(await ofSidecar(name, 'server_info')) as {
      readonly command_line_options: { readonly concurrency: number };
    };
    assert.equal(info.command_line_options.concurrency, 2);
    assert.match(await ofSidecar(name, 'stats?filter=^server.concurrency$'), /^server\.concurrency: 2$/m);
  }
});

test('calls flow by mutual TLS on connections of both workers, and statistics are the sums of both', async () => {
  const calls = 40;
  const call = 'curl -s --fail http://httpbin:8000/headers';
  await eventually(async () => {
    const seen = await cluster.sh(`kubectl exec deploy/sleep -c sleep -- ${call}`);
    assert.match(seen, /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/sleep/);
  });
  const counted = async (name: string): Promise<number> => {
    const text = await cluster.sh(
      `kubectl exec deploy/${name} -c istio-proxy -- curl -s localhost:15020/stats/prometheus`,
    );
    const lines = text
      .split('\n')
      .filter((line) => line.startsWith('istio_requests_total{') && /source_workload="sleep"/.test(line));
    for (const line of lines) assert.match(line, /destination_workload="httpbin"/);
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  const before = { httpbin: await counted('httpbin'), sleep: await counted('sleep') };
  // Side by side, so that neither worker has all of the connections.
  const script = `for i in $(seq ${calls / 4}); do ${call} >/dev/null & ${call} >/dev/null & ${call} >/dev/null & ${call} >/dev/null & wait; done`;
  await cluster.sh(`kubectl exec deploy/sleep -c sleep -- sh -c '${script}'`);
  for (const name of ['httpbin', 'sleep'] as const) {
    assert.equal((await counted(name)) - before[name], calls, name);
    const stats = await ofSidecar(name, 'stats?filter=worker_.\\.downstream_cx_total');
    for (const worker of [0, 1]) {
      const total = [...stats.matchAll(new RegExp(`worker_${worker}\\.downstream_cx_total: (\\d+)`, 'g'))];
      assert.ok(total.reduce((sum, [, count]) => sum + Number(count), 0) > 0, `${name} ${worker}: ${stats}`);
    }
  }
});

test('a rule reaches both workers', async () => {
  await cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: httpbin, namespace: default }
spec:
  hosts: [httpbin]
  http:
  - fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }
    route: [{ destination: { host: httpbin } }]
EOF`);
  const status = `for i in 1 2 3 4 5 6 7 8; do curl -s -o /dev/null -w "%{http_code} " http://httpbin:8000/get & done; wait`;
  await eventually(async () => {
    const seen = await cluster.sh(`kubectl exec deploy/sleep -c sleep -- sh -c '${status}'`);
    assert.equal(seen.trim(), Array.from({ length: 8 }, () => '418').join(' '));
  });
});

test('pods with workers go in their time', async () => {
  await cluster.sh('kubectl delete deployment httpbin sleep --wait=true');
  await cluster.sh('kubectl wait --for=delete pod --all --timeout=30s');
});
