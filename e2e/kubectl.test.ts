// The verbs of kubectl that people use every day, against the local cluster.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { kubectlPath, startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

// `lateen` can stand in for kubectl in the tutorials, not here.
const skip = kubectlPath === undefined ? 'the real kubectl is not on PATH' : false;
if (skip !== false)
  process.stderr.write('e2e: THERE IS NO kubectl: what it can do against the cluster is not tested\n');

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster('--cluster-only');
});
after(() => cluster.remove());

const web = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: app
          image: dustise/flaskapp
          env: [{ name: version, value: one }]
          readinessProbe: { httpGet: { path: /healthz, port: 80 } }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
`;

test('objects are applied from files, folders, standard input and several documents', { skip }, async () => {
  const folder = join(cluster.dataDir, 'manifests');
  mkdirSync(folder);
  writeFileSync(join(folder, 'web.yaml'), web);
  writeFileSync(
    join(folder, 'map.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'map' }, data: { a: 'b' } }),
  );
  const created = await cluster.sh(`kubectl apply -f ${folder}`);
  for (const line of ['configmap/map created', 'deployment.apps/web created', 'service/web created'])
    assert.ok(created.includes(line));
  assert.match(await cluster.sh(`kubectl apply -f ${folder}/web.yaml`), /deployment.apps\/web unchanged/);
  assert.equal(
    await cluster.sh('kubectl apply -f -', { input: web.replace('value: one', 'value: two') }),
    'deployment.apps/web configured\nservice/web unchanged',
  );
  await cluster.sh('kubectl rollout status deployment/web --timeout=30s');
});

test('get has the columns and the formats that people know', { skip }, async () => {
  assert.match(
    await cluster.sh('kubectl get pods -l app=web'),
    /^NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\nweb-\S+\s+1\/1\s+Running\s+0\s+\d+s/,
  );
  assert.match(
    await cluster.sh('kubectl get deployment web -o wide'),
    /NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\s+CONTAINERS\s+IMAGES\s+SELECTOR\nweb\s+2\/2\s+2\s+2/,
  );
  assert.match(
    await cluster.sh('kubectl get services -A'),
    /default\s+web\s+ClusterIP\s+10\.96\.\d+\.\d+\s+<none>\s+80\/TCP/,
  );
  assert.equal(await cluster.sh('kubectl get configmap map -o name'), 'configmap/map');
  assert.equal(await cluster.sh("kubectl get configmap map -o jsonpath='{.data.a}'"), 'b');
  assert.equal(
    (JSON.parse(await cluster.sh('kubectl get service web -o json')) as { kind: string }).kind,
    'Service',
  );
  assert.match(await cluster.sh('kubectl get nodes'), /lateen\s+Ready/);
});

test('a watch shows changes as they happen', { skip }, async () => {
  // More than one change: kubectl takes the first event of a watch for the state that it has shown already.
  const { stdout } = await cluster.trySh(`
    (for value in c d e; do sleep 1; kubectl patch configmap map -p '{"data":{"a":"'$value'"}}' >/dev/null; done) &
    timeout 6 kubectl get configmap map -w -o jsonpath='{.data.a}{"\\n"}'`);
  assert.match(stdout, /[cd]\ne\n$/);
});

test('labels, annotations, edits and patches change an object', { skip }, async () => {
  assert.equal(await cluster.sh('kubectl label configmap map tier=back'), 'configmap/map labeled');
  assert.equal(await cluster.sh('kubectl annotate configmap map note=hello'), 'configmap/map annotated');
  assert.equal(
    await cluster.sh('kubectl edit configmap map', { env: { KUBE_EDITOR: 'sed -i s/hello/edited/' } }),
    'configmap/map edited',
  );
  assert.equal(
    await cluster.sh("kubectl get configmap map -o jsonpath='{.metadata.annotations.note}'"),
    'edited',
  );
  await cluster.sh(
    `kubectl patch service web --type=json -p '[{"op":"replace","path":"/spec/ports/0/name","value":"http-web"}]'`,
  );
  assert.equal(await cluster.sh("kubectl get service web -o jsonpath='{.spec.ports[0].name}'"), 'http-web');
});

test('describe tells of containers, conditions and events', { skip }, async () => {
  const text = await cluster.sh('kubectl describe pod -l app=web');
  for (const part of ['Image:', 'Conditions:', 'Readiness:', 'Events:', 'Successfully assigned default/web-'])
    assert.ok(text.includes(part), part);
  assert.match(await cluster.sh('kubectl describe service web'), /Endpoints:\s+10\.244\.\d+\.\d+:80/);
});

test('a deployment is scaled, restarted and rolled back', { skip }, async () => {
  await cluster.sh(
    'kubectl scale deployment web --replicas=3 && kubectl rollout status deployment/web --timeout=30s',
  );
  assert.match(await cluster.sh('kubectl get deployment web --no-headers'), /3\/3/);
  await cluster.sh(
    'kubectl rollout restart deployment/web && kubectl rollout status deployment/web --timeout=30s',
  );
  await cluster.sh(
    'kubectl rollout undo deployment/web --to-revision=1 && kubectl rollout status deployment/web --timeout=30s',
  );
  assert.equal(
    await cluster.sh(
      "kubectl get deployment web -o jsonpath='{.spec.template.spec.containers[0].env[0].value}'",
    ),
    'one',
  );
});

test('logs are printed and followed', { skip }, async () => {
  assert.match(await cluster.sh('kubectl logs deploy/web'), /listening on port 80/);
  const followed = await cluster.trySh('timeout 2 kubectl logs -f deploy/web -c app');
  assert.match(followed.stdout, /listening on port 80/);
});

test('exec has pipes, exit codes and a real terminal', { skip }, async () => {
  assert.equal(await cluster.sh('echo hello | kubectl exec -i deploy/web -- cat'), 'hello');
  assert.equal((await cluster.trySh("kubectl exec deploy/web -- sh -c 'exit 7'")).code, 7);
  const terminal = await cluster.sh(
    'script -qec "kubectl exec -it deploy/web -c app -- sh -c tty" /dev/null',
  );
  assert.match(terminal, /\/dev\/pts\/\d+/);
});

test('a service spreads over its pods, and DNS knows short and full names', { skip }, async () => {
  const hosts = await cluster.sh(
    "kubectl exec deploy/web -- sh -c 'for n in web web.default web.default.svc.cluster.local; do for i in 1 2 3 4 5 6 7 8 9 10; do curl -s http://$n/env/HOSTNAME; echo; done; done'",
  );
  assert.equal(new Set(hosts.split('\n')).size, 3, hosts);
});

test('a pod has its token, and the API knows it', { skip }, async () => {
  const who = await cluster.sh(
    `kubectl exec deploy/web -- sh -c 'd=/var/run/secrets/kubernetes.io/serviceaccount; curl -s --cacert $d/ca.crt -H "Authorization: Bearer $(cat $d/token)" https://kubernetes.default.svc/api/v1/namespaces/default/pods'`,
  );
  assert.match(who, /User \\"system:serviceaccount:default:default\\" cannot list/);
});

test('a container that fails is started again with growing pauses', { skip }, async () => {
  await cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: v1
kind: Pod
metadata: { name: failing }
spec: { containers: [{ name: main, image: busybox, command: [sh, -c, 'echo tried; exit 3'] }] }
EOF`);
  await eventually(async () => {
    assert.match(
      await cluster.sh('kubectl get pod failing --no-headers'),
      /0\/1\s+(CrashLoopBackOff|Error)\s+[1-9]/,
    );
  }, 40_000);
  assert.equal(
    await cluster.sh(
      "kubectl get pod failing -o jsonpath='{.status.containerStatuses[0].lastState.terminated.exitCode}'",
    ),
    '3',
  );
  assert.match(await cluster.sh('kubectl logs failing --previous'), /tried/);
  await cluster.sh('kubectl delete pod failing');
});

test('an unknown image waits with what to do, and runs once it is mapped', { skip }, async () => {
  await cluster.sh('kubectl run own --image=example.com/shop/cart:1.4');
  await eventually(async () => {
    const waiting = await cluster.sh(
      "kubectl get pod own -o jsonpath='{.status.containerStatuses[0].state.waiting}'",
    );
    assert.match(waiting, /ErrImageNeverPull/);
    assert.match(waiting, /lateen images map/);
  });
  await cluster.sh('lateen images map example.com/shop/cart:1.4 -- sleep infinity');
  await eventually(
    async () => assert.match(await cluster.sh('kubectl get pod own --no-headers'), /1\/1\s+Running/),
    60_000,
  );
});

test('a kind with several versions is served in each, explained and checked', { skip }, async () => {
  await cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: boats.example.com }
spec:
  group: example.com
  names: { kind: Boat, plural: boats, singular: boat, shortNames: [bt] }
  scope: Namespaced
  versions:
    - &version
      name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [sails]
              properties: { sails: { type: integer, minimum: 1, description: How many sails it carries. } }
      additionalPrinterColumns: [{ name: Sails, type: integer, jsonPath: .spec.sails }]
    - { <<: *version, name: v1beta1, storage: false }
EOF`);
  await cluster.sh(
    'kubectl apply -f - <<<\'{"apiVersion":"example.com/v1beta1","kind":"Boat","metadata":{"name":"a"},"spec":{"sails":2}}\'',
  );
  assert.match(await cluster.sh('kubectl get bt'), /NAME\s+SAILS\na\s+2/);
  assert.equal(
    await cluster.sh("kubectl get boats.v1.example.com a -o jsonpath='{.apiVersion}'"),
    'example.com/v1',
  );
  assert.match(await cluster.sh('kubectl explain boat.spec.sails'), /How many sails it carries/);
  assert.match(
    await cluster.sh('kubectl api-resources --api-group=example.com'),
    /boats\s+bt\s+example.com\/v1\s+true\s+Boat/,
  );
  const bad = await cluster.trySh(
    'kubectl apply -f - <<<\'{"apiVersion":"example.com/v1","kind":"Boat","metadata":{"name":"b"},"spec":{"sails":0}}\'',
  );
  assert.match(bad.stderr, /spec\.sails.*greater than or equal to 1/);
});

test("lateen's own verbs do the same for whoever has no kubectl", async () => {
  assert.match(
    await cluster.sh('lateen apply -f -', { input: web.replaceAll('web', 'own-verbs') }),
    /deployment.apps\/own-verbs created/,
  );
  await eventually(async () =>
    assert.match(await cluster.sh('lateen get pods -l app=own-verbs'), /1\/1\s+Running/),
  );
  assert.equal(await cluster.sh('lateen label namespace default team=blue'), 'namespace/default labeled');
  assert.match(await cluster.sh('lateen logs deploy/own-verbs'), /listening on port 80/);
  assert.equal(await cluster.sh('lateen exec deploy/own-verbs -- sh -c "echo $((6 * 7))"'), '42');
  assert.equal((await cluster.trySh('lateen exec deploy/own-verbs -- sh -c "exit 5"')).code, 5);
  assert.match(await cluster.sh('lateen delete deployment own-verbs'), /"own-verbs" deleted/);
  assert.match(await cluster.sh('lateen version'), /client version/);
});

test('what is not there, and what is wrong, is said in the words that people know', { skip }, async () => {
  assert.match((await cluster.trySh('kubectl get pod nowhere')).stderr, /pods "nowhere" not found/);
  assert.match(
    (await cluster.trySh('kubectl create configmap map')).stderr,
    /configmaps "map" already exists/,
  );
  const port = await cluster.trySh(`kubectl patch service web -p '{"spec":{"ports":[{"port":70000}]}}'`);
  assert.match(
    port.stderr,
    /spec\.ports\[\d\]\.port: Invalid value: 70000: must be between 1 and 65535, inclusive/,
  );
  const field = await cluster.trySh('kubectl apply -f -', {
    input: web.replace('replicas: 2', 'replica: 2'),
  });
  assert.match(field.stderr, /unknown field "spec.replica"/);
});
