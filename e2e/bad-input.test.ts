// What is wrong is refused with the field and what is allowed; the mesh goes on with what it has.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

let cluster: TestCluster;
let client: string;
before(async () => {
  cluster = await startCluster('');
  await cluster.sh('kubectl label namespace default istio-injection=enabled');
  await cluster.sh('kubectl apply -f samples/helloworld/helloworld.yaml -f samples/sleep/sleep.yaml');
  await cluster.sh('kubectl wait --for=condition=Ready pod --all --timeout=30s');
  client = await cluster.sh("kubectl get pod -l app=sleep -o jsonpath='{.items[0].metadata.name}'");
  await cluster.sh(`kubectl apply -f - <<EOF
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: helloworld }
spec: { host: helloworld, subsets: [{ name: v1, labels: { version: v1 } }] }
---
${rule('[{ destination: { host: helloworld, subset: v1 } }]')}
EOF`);
  await eventually(assertServing);
});
after(() => cluster.remove());

function rule(route: string, name = 'helloworld'): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: { hosts: [${name}], http: [{ route: ${route} }] }`;
}

/** The good rule is in force: every call reaches v1. */
async function assertServing(): Promise<void> {
  const output = await cluster.sh(
    `kubectl exec ${client} -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do curl -s --fail http://helloworld:5000/hello; done'`,
  );
  const lines = output.split('\n');
  assert.equal(lines.length, 10);
  for (const line of lines) assert.match(line, /version: v1/);
}

/** Applies what must be refused and gives the error. */
async function refused(manifest: string): Promise<string> {
  const { code, stdout, stderr } = await cluster.trySh(`kubectl apply -f - <<'EOF'\n${manifest}\nEOF`);
  assert.notEqual(code, 0, `it was accepted: ${stdout}`);
  await assertServing();
  return stderr;
}

test('a wrong field is named', async () => {
  const error = await refused(rule('[{ destination: { host: helloworld, subst: v1 } }]'));
  assert.match(error, /spec\.http\[0\]\.route\[0\]\.destination\.subst/);
});

test('a negative weight is refused with its place', async () => {
  const error = await refused(
    rule(
      '[{ destination: { host: helloworld, subset: v1 }, weight: -5 }, { destination: { host: helloworld }, weight: 105 }]',
    ),
  );
  assert.match(error, /spec\.http\[0\]\.route\[0\]\.weight/);
  assert.match(error, /-5|greater than or equal to 0|at least 0|negative/);
});

test('all errors of a manifest are shown, not only the first', async () => {
  const error = await refused(rule('[{ destination: { host: helloworld }, weight: -1 }], timeout: soon'));
  assert.match(error, /weight/);
  assert.match(error, /timeout/);
});

test('of two documents the good one is applied and the bad one named', async () => {
  const good = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: beside }\ndata: { a: b }';
  const error = await refused(`${good}\n---\n${rule('[{ destination: { host: helloworld }, weight: -1 }]')}`);
  assert.match(error, /weight/);
  assert.equal(await cluster.sh("kubectl get configmap beside -o jsonpath='{.data.a}'"), 'b');
});

test('an unknown kind says so', async () => {
  const error = await refused(
    'apiVersion: networking.istio.io/v1\nkind: VirtualServer\nmetadata: { name: x }',
  );
  assert.match(error, /no matches for kind "VirtualServer" in version "networking.istio.io\/v1"/);
});

test('a route to a subset that no rule defines is warned of, and only its own host is affected', async () => {
  const { stdout, stderr } = await cluster.trySh(
    `kubectl apply -f - <<'EOF'\n${rule('[{ destination: { host: sleep, subset: v9 } }]', 'sleep')}\nEOF`,
  );
  assert.match(stdout, /created/);
  assert.match(stderr, /Warning: .*v9/);
  await assertServing();
  const status = await cluster.sh(
    `kubectl exec ${client} -- curl -s -o /dev/null -w '%{http_code}' http://sleep/`,
  );
  assert.equal(status, '503');
  await cluster.sh('kubectl delete virtualservice sleep');
});

test('a kind that is not yet put in force says so when it is applied', async () => {
  const { stderr } = await cluster.trySh(
    `kubectl apply -f - <<'EOF'\napiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\nmetadata: { name: none }\nspec: {}\nEOF`,
  );
  assert.match(stderr, /Warning: ProxyConfig none is kept but NOT IN FORCE/);
  await cluster.sh('kubectl delete proxyconfig none');
});

test('a badly named port is reported with the service', async () => {
  await cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: v1
kind: Service
metadata: { name: odd }
spec: { selector: { app: odd }, ports: [{ name: web, port: 80 }] }
EOF`);
  const { stdout } = await cluster.trySh('istioctl analyze');
  assert.match(stdout, /IST0118.*odd/);
  await assertServing();
});

test('while the control plane is down a change is refused with the name of the webhook, and traffic flows', async () => {
  await cluster.sh('kubectl scale deployment istiod -n istio-system --replicas=0');
  await eventually(async () => {
    assert.equal(await cluster.sh('kubectl get pods -n istio-system -l app=istiod -o name'), '');
  });
  const error = await refused(rule('[{ destination: { host: helloworld } }]'));
  assert.match(error, /failed calling webhook "\S+istio\.io"/);
  await cluster.sh('kubectl scale deployment istiod -n istio-system --replicas=1');
  await cluster.sh('kubectl rollout status deployment/istiod -n istio-system --timeout=30s');
  await eventually(() =>
    cluster.sh(
      `kubectl apply -f - <<'EOF'\n${rule('[{ destination: { host: helloworld, subset: v1 } }], timeout: 5s')}\nEOF`,
    ),
  );
  await assertServing();
});
