// What sidecars and the gateway carry beside plain requests: TCP, WebSocket, long bodies, a pod that goes away.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

let cluster: TestCluster;
let gateway: string;
const client = 'kubectl exec deploy/sleep -c sleep --';

before(async () => {
  cluster = await startCluster('');
  await cluster.sh('kubectl label namespace default istio-injection=enabled');
  await cluster.sh(
    'kubectl apply -f samples/echo/echo.yaml -f samples/sleep/sleep.yaml -f samples/httpbin/httpbin.yaml',
  );
  await cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: echo }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["echo.example"] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo }
spec:
  hosts: ["echo.example"]
  gateways: [echo]
  http: [{ route: [{ destination: { host: echo, port: { number: 8080 } } }] }]
EOF`);
  await cluster.sh('kubectl wait --for=condition=Ready pod --all --timeout=30s');
  gateway = await cluster.sh(
    `lateen status -o json | node -pe 'const { ingress } = JSON.parse(require("fs").readFileSync(0)); ingress.address + ":" + ingress.port'`,
  );
});
after(() => cluster.remove());

test('TCP goes through both sidecars, each direction ending by itself', async () => {
  await eventually(async () => {
    const answer = await cluster.sh(
      `${client} bash -c 'exec 3<>/dev/tcp/echo/9000; printf "one\\ntwo\\n" >&3; head -n 2 <&3'`,
    );
    assert.equal(answer, 'hello one\nhello two');
  });
});

test('UDP passes untouched: names are resolved, and datagrams keep their sender both ways', async () => {
  const address = await cluster.sh("kubectl get pod -l app=sleep -o jsonpath='{.items[0].status.podIP}'");
  const server = await cluster.sh("kubectl get pod -l app=echo -o jsonpath='{.items[0].status.podIP}'");
  const service = await cluster.sh("kubectl get service echo -o jsonpath='{.spec.clusterIP}'");
  assert.match(
    await cluster.sh(`${client} getent ahostsv4 echo.default.svc.cluster.local`),
    new RegExp(service),
  );
  for (const host of ['echo', server]) {
    await eventually(async () => {
      const script = `exec 3<>/dev/udp/${host}/9001; echo one >&3; timeout 2 head -n 1 <&3`;
      assert.equal(await cluster.sh(`${client} bash -c '${script}'`), `hello one from ${address}`);
    });
  }
});

test('a WebSocket passes the gateway and the sidecar in both directions', async () => {
  await eventually(async () => {
    const socket = new WebSocket(`ws://${gateway}/ws`, { headers: { host: 'echo.example' } });
    const answers: string[] = [];
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('open', () => {
        socket.send('first');
        socket.send('x'.repeat(10_000));
      });
      socket.on('message', (data: Buffer) => {
        answers.push(data.toString('utf8'));
        if (answers.length === 2) socket.close();
      });
      socket.on('close', () => resolve());
    });
    assert.deepEqual(answers, ['first', 'x'.repeat(10_000)]);
  });
});

test('a host that no gateway names is not found', async () => {
  const response = await fetch(`http://${gateway}/`);
  assert.equal(response.status, 404);
  assert.equal(response.headers.get('server'), 'istio-envoy');
});

test('a body of megabytes arrives whole, with its length or in chunks', async () => {
  for (const header of ['', "-H 'transfer-encoding: chunked'"]) {
    const size = await cluster.sh(
      `${client} bash -c "head -c 5000000 /dev/zero | tr '\\0' a | curl -s ${header} --data-binary @- http://httpbin:8000/anything | wc -c"`,
    );
    assert.ok(Number(size) > 5_000_000, `only ${size} bytes came back`);
  }
});

test('the request that an endpoint sees has passed two sidecars', async () => {
  const seen = JSON.parse(await cluster.sh(`${client} curl -s http://echo:8080/x?y=z`)) as {
    path: string;
    query: unknown;
    headers: Record<string, string>;
  };
  assert.equal(seen.path, '/x');
  assert.deepEqual(seen.query, { y: 'z' });
  assert.match(seen.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/);
  assert.equal(seen.headers['x-forwarded-proto'], 'http');
});

test('no request fails while the pods of a service are replaced', async () => {
  await cluster.sh(
    'kubectl scale deployment echo-v1 --replicas=2 && kubectl rollout status deployment/echo-v1',
  );
  const calls = cluster.sh(
    `${client} bash -c 'for i in $(seq 150); do curl -s -o /dev/null -w "%{http_code}\\n" http://echo:8080/; sleep 0.02; done' | sort | uniq -c`,
  );
  await cluster.sh(
    'kubectl rollout restart deployment/echo-v1 && kubectl rollout status deployment/echo-v1 --timeout=60s',
  );
  assert.match(await calls, /^\s*150 200$/);
});

test("the load client's summary counts every call", async () => {
  await cluster.sh('kubectl apply -f samples/httpbin/sample-client/fortio-deploy.yaml');
  await cluster.sh('kubectl wait --for=condition=Ready pod -l app=fortio --timeout=30s');
  const pod = await cluster.sh("kubectl get pod | grep fortio | awk '{ print $1 }'");
  const one = await cluster.sh(
    `kubectl exec ${pod} -c fortio -- /usr/local/bin/fortio load -curl http://httpbin:8000/get`,
  );
  assert.match(one, /^HTTP\/1.1 200/);
  const summary = await cluster.sh(
    `kubectl exec ${pod} -c fortio -- /usr/local/bin/fortio load -c 2 -qps 0 -n 20 -loglevel Warning http://httpbin:8000/get`,
  );
  assert.match(summary, /Code 200 : 20 \(100\.0 %\)/);
  assert.match(summary, /All done 20 calls/);
});
