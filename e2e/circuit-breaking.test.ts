// The tutorial of the circuit breaker: httpbin behind a rule that allows one connection and one waiting request.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

let cluster: TestCluster;
let fortioPod = '';
before(async () => {
  cluster = await startCluster('');
});
after(() => cluster.remove());

/** Codes and their counts in fortio's summary. */
function codesOf(summary: string): Map<string, number> {
  return new Map(
    [...summary.matchAll(/^Code\s+(-?\d+) : (\d+) \(/gm)].map(([, code, count]) => [
      code ?? '',
      Number(count),
    ]),
  );
}

async function load(flags: string): Promise<Map<string, number>> {
  const { stdout, stderr } = await cluster.trySh(
    `kubectl exec ${fortioPod} -c fortio -- /usr/local/bin/fortio load ${flags} -loglevel Warning http://httpbin:8000/get`,
  );
  const codes = codesOf(stdout + stderr);
  assert.ok(codes.size > 0, stdout + stderr);
  return codes;
}

/** One statistic of fortio's sidecar about httpbin. */
async function statOf(name: string): Promise<number> {
  const stats = await cluster.sh(
    `kubectl exec ${fortioPod} -c istio-proxy -- pilot-agent request GET stats | grep httpbin | grep '${name}:'`,
  );
  const values = stats.split('\n').map((line) => Number(line.split(': ')[1]));
  return Math.max(...values);
}

test('httpbin and the load client run with sidecars, and one call succeeds', async () => {
  await cluster.sh('istioctl kube-inject -f samples/httpbin/httpbin.yaml | kubectl apply -f -');
  await cluster.sh(
    'istioctl kube-inject -f samples/httpbin/sample-client/fortio-deploy.yaml | kubectl apply -f -',
  );
  await cluster.sh('kubectl wait --for=condition=Ready pod --all --timeout=30s');
  fortioPod = await cluster.sh("kubectl get pod | grep fortio | awk '{ print $1 }'");
  const answer = await eventually(() =>
    cluster.sh(
      `kubectl exec ${fortioPod} -c fortio -- /usr/local/bin/fortio load -curl http://httpbin:8000/get`,
    ),
  );
  assert.match(answer, /HTTP\/1\.1 200 OK/);
});

test('the load client is called as in old tutorials, by whatever kubectl there is', async () => {
  const answer = await cluster.sh(
    `kubectl exec ${fortioPod} -c fortio /usr/local/bin/fortio -- load -curl http://httpbin:8000/get`,
  );
  assert.match(answer, /HTTP\/1\.1 200 OK/);
});

test('without a rule three connections at once all get their answers', async () => {
  assert.deepEqual([...(await load('-c 3 -qps 0 -n 30'))], [['200', 30]]);
});

test('the rule of the tutorial is taken', async () => {
  const applied = await cluster.sh(`kubectl apply -f - <<EOF
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata:
  name: httpbin
spec:
  host: httpbin
  trafficPolicy:
    connectionPool:
      tcp:
        maxConnections: 1
      http:
        http1MaxPendingRequests: 1
        maxRequestsPerConnection: 1
    outlierDetection:
      consecutiveErrors: 1
      interval: 1s
      baseEjectionTime: 3m
      maxEjectionPercent: 100
EOF`);
  assert.match(applied, /destinationrule\.networking\.istio\.io\/httpbin created/);
});

test('with more connections than the rule allows part of the calls are refused with 503', async () => {
  const codes = await eventually(async () => {
    const seen = await load('-c 3 -qps 0 -n 30');
    assert.ok((seen.get('503') ?? 0) > 0, 'the rule is not in force yet');
    return seen;
  });
  assert.ok((codes.get('200') ?? 0) > 0, [...codes].join(' '));
  assert.equal((codes.get('200') ?? 0) + (codes.get('503') ?? 0), 30);
});

test('the sidecar counts what it refused as overflow of pending requests', async () => {
  assert.ok((await statOf('upstream_rq_pending_overflow')) > 0);
});

test('one connection alone is never refused', async () => {
  assert.deepEqual([...(await load('-c 1 -qps 0 -n 20'))], [['200', 20]]);
});

test('an instance that answers with errors is left alone for three minutes', async () => {
  await cluster.trySh(
    `kubectl exec ${fortioPod} -c fortio -- /usr/local/bin/fortio load -c 1 -qps 0 -n 2 http://httpbin:8000/status/503`,
  );
  assert.equal(await statOf('outlier_detection.ejections_active'), 1);
  assert.ok((await statOf('outlier_detection.ejections_enforced_total')) > 0);
  // It was the only one: nobody is left to ask.
  assert.deepEqual([...(await load('-c 1 -qps 0 -n 5'))], [['503', 5]]);
  assert.ok((await statOf('upstream_cx_none_healthy')) >= 5);
});

test('without the rule all calls succeed again', async () => {
  await cluster.sh('kubectl delete destinationrule httpbin');
  await eventually(async () => assert.deepEqual([...(await load('-c 3 -qps 0 -n 30'))], [['200', 30]]));
});
