// Who may ask whom for what: Istio's tasks of authorization, word for word where they are about policies.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { addProviders, grpcProvider, httpProvider } from './harness/mesh-config.ts';
import { grpcAuthorizer, httpAuthorizer, serveScript } from './harness/served-script.ts';
import { tokenIssuer } from './harness/tokens.ts';

let cluster: TestCluster;
const refused = [403, 'RBAC: access denied'] as const;

before(async () => {
  cluster = await startCluster('');
  await cluster.sh(
    `for ns in default bar; do kubectl get ns $ns || kubectl create ns $ns; kubectl label ns $ns istio-injection=enabled; done; kubectl create ns legacy`,
  );
  await cluster.sh(
    'kubectl apply -f samples/httpbin/httpbin.yaml -f samples/sleep/sleep.yaml -f samples/echo/echo.yaml',
  );
  for (const ns of ['bar', 'legacy']) await cluster.sh(`kubectl apply -n ${ns} -f samples/sleep/sleep.yaml`);
  for (const ns of ['default', 'bar', 'legacy']) {
    await cluster.sh(`kubectl wait -n ${ns} --for=condition=Ready pod --all --timeout=60s`);
  }
});
after(() => cluster.remove());

/** The status of a request from the `sleep` of a namespace, and the body where it is refused. */
async function ask(from: string, path: string, options = ''): Promise<readonly [number, string]> {
  const out = await cluster.sh(
    `kubectl exec -n ${from} deploy/sleep -c sleep -- curl -s -m 5 -w '\\n%{http_code}' ${options} http://httpbin.default:8000${path}`,
  );
  const end = out.lastIndexOf('\n');
  return [Number(out.slice(end + 1)), out.slice(0, end)];
}
const status = async (from: string, path: string, options = ''): Promise<number> =>
  (await ask(from, path, options))[0];

/** Applies a policy; `warning` is what kubectl is to be told. */
async function apply(
  kind: string,
  name: string,
  spec: string,
  namespace = 'default',
  warning = /^$/,
): Promise<void> {
  const { stderr } = await cluster.trySh(
    `kubectl apply -f - <<'EOF'\napiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\nEOF`,
  );
  assert.match(stderr, warning);
}

/** Takes all policies away, and waits until nobody is refused. */
async function lift(): Promise<void> {
  await cluster.sh(
    'kubectl delete authorizationpolicies,requestauthentications --all -n default; kubectl delete authorizationpolicies --all -n istio-system',
  );
  await eventually(async () => assert.equal(await status('legacy', '/get'), 200));
}

test('a policy without rules refuses everybody, and everybody is let in again when it has gone', async () => {
  assert.equal(await status('default', '/get'), 200);
  await apply('AuthorizationPolicy', 'allow-nothing', '{}');
  await eventually(async () => assert.deepEqual(await ask('default', '/get'), refused));
  const log = await cluster.sh(
    'kubectl exec deploy/httpbin -c istio-proxy -- curl -s localhost:15000/stats | grep "rbac.denied"',
  );
  assert.match(log, /rbac\.denied: [1-9]/);
  await lift();
});

test('one method is allowed, each other is refused', async () => {
  await apply('AuthorizationPolicy', 'deny-all', '{}', 'istio-system');
  await apply(
    'AuthorizationPolicy',
    'viewer',
    '{ selector: { matchLabels: { app: httpbin } }, action: ALLOW, rules: [{ to: [{ operation: { methods: [GET] } }] }] }',
  );
  await eventually(async () => {
    assert.deepEqual(await ask('default', '/post', '-X POST'), refused);
    assert.equal(await status('default', '/get'), 200);
  });
  await lift();
});

test('only who has the identity is let in', async () => {
  await apply(
    'AuthorizationPolicy',
    'sleep-only',
    '{ rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/sleep] } }] }] }',
  );
  await eventually(async () => {
    assert.deepEqual(await ask('bar', '/get'), refused);
    assert.deepEqual(await ask('legacy', '/get'), refused);
    assert.equal(await status('default', '/get'), 200);
  });
  await lift();
});

test('a namespace is kept out, also by a policy of the root namespace', async () => {
  await apply(
    'AuthorizationPolicy',
    'not-from-bar',
    '{ action: DENY, rules: [{ from: [{ source: { namespaces: [bar] } }] }] }',
    'istio-system',
  );
  await eventually(async () => assert.deepEqual(await ask('bar', '/get'), refused));
  assert.equal(await status('default', '/get'), 200);
  assert.equal(await status('legacy', '/get'), 200);
  await lift();
});

test('a path is kept closed, however it is written', async () => {
  await apply(
    'AuthorizationPolicy',
    'closed',
    '{ selector: { matchLabels: { app: httpbin } }, action: DENY, rules: [{ to: [{ operation: { paths: [/headers, "/status/{*}"] } }] }] }',
  );
  await eventually(async () => assert.deepEqual(await ask('default', '/headers'), refused));
  assert.deepEqual(await ask('default', '/get/../headers', '--path-as-is'), refused);
  assert.deepEqual(await ask('default', '/%68eaders?x=1', '--path-as-is'), refused);
  assert.deepEqual(await ask('default', '/status/200'), refused);
  assert.equal(await status('default', '/get'), 200);
  await lift();
});

test('a policy on trial refuses nobody', async () => {
  await cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: trial, annotations: { istio.io/dry-run: "true" } }
spec: { selector: { matchLabels: { app: httpbin } }, action: DENY, rules: [{}] }
EOF`);
  await eventually(async () => {
    assert.equal(await status('default', '/get'), 200);
    const stats = await cluster.sh(
      'kubectl exec deploy/httpbin -c istio-proxy -- curl -s localhost:15000/stats | grep "rbac.*shadow_denied"',
    );
    assert.match(stats, /shadow_denied: [1-9]/);
  });
  await lift();
});

const { jwks, bearer } = tokenIssuer();

test('a bad token is 401, and only one with the claim is let in where a policy asks for it', async () => {
  await apply(
    'RequestAuthentication',
    'tokens',
    `{ selector: { matchLabels: { app: httpbin } }, jwtRules: [{ issuer: testing@secure.istio.io, jwks: '${jwks}' }] }`,
  );
  await eventually(async () =>
    assert.equal(await status('default', '/headers', "-H 'Authorization: Bearer no'"), 401),
  );
  const head = await ask('default', '/headers', "-i -H 'Authorization: Bearer no'");
  assert.match(head[1], /www-authenticate: Bearer realm=/i);
  assert.equal(await status('default', '/headers'), 200);
  assert.equal(await status('default', '/headers', bearer({})), 200);
  assert.equal(await status('default', '/headers', bearer({ iss: 'other' })), 401);

  await apply(
    'AuthorizationPolicy',
    'require-jwt',
    '{ selector: { matchLabels: { app: httpbin } }, action: ALLOW, rules: [{ from: [{ source: { requestPrincipals: [testing@secure.istio.io/testing@secure.istio.io] } }], when: [{ key: "request.auth.claims[groups]", values: [group1] }] }] }',
  );
  await eventually(async () => assert.deepEqual(await ask('default', '/headers'), refused));
  assert.deepEqual(await ask('default', '/headers', bearer({})), refused);
  assert.deepEqual(await ask('default', '/headers', bearer({ groups: ['group2'] })), refused);
  assert.equal(await status('default', '/headers', bearer({ groups: ['group2', 'group1'] })), 200);
  await lift();
});

test('keys are fetched from where a rule says', async () => {
  const script = `require("http").createServer((q, r) => r.end(${JSON.stringify(jwks)})).listen(8080)`;
  await serveScript(cluster, 'issuer', 8080, script);
  await apply(
    'RequestAuthentication',
    'tokens',
    '{ selector: { matchLabels: { app: httpbin } }, jwtRules: [{ issuer: testing@secure.istio.io, jwksUri: "http://issuer.default:8080/keys" }] }',
  );
  await eventually(async () =>
    assert.equal(await status('default', '/headers', "-H 'Authorization: Bearer no'"), 401),
  );
  await eventually(async () => assert.equal(await status('default', '/headers', bearer({})), 200));
  await lift();
});

test('a service of one’s own is asked about what a policy is about, and nothing else', async () => {
  await serveScript(cluster, 'ext-authz', 8000, httpAuthorizer);
  await apply(
    'AuthorizationPolicy',
    'ext-authz',
    '{ selector: { matchLabels: { app: httpbin } }, action: CUSTOM, provider: { name: sample-ext-authz-http }, rules: [{ to: [{ operation: { paths: [/headers] } }] }] }',
    'default',
    /^Warning: spec\.provider\.name: .* has no sample-ext-authz-http /,
  );
  // The mesh does not know the provider yet.
  await eventually(async () => assert.deepEqual(await ask('default', '/headers'), refused));
  assert.equal(await status('default', '/get'), 200);
  const restore = await addProviders(cluster, httpProvider);
  await eventually(async () =>
    assert.deepEqual(await ask('default', '/headers', '-H "x-ext-authz: deny"'), [
      403,
      'denied by ext_authz',
    ]),
  );
  const [allowed, body] = await ask('default', '/headers', '-H "x-ext-authz: allow"');
  assert.equal(allowed, 200);
  assert.match(body, /"X-Ext-Authz-Check-Result": "allowed"/);
  assert.equal(await status('default', '/get'), 200);
  await restore();
  await lift();
});

/** What the TCP server says to a client of a namespace; nothing where it is not let in. */
const say = (from = 'default'): Promise<string> =>
  cluster.sh(
    `kubectl exec -n ${from} deploy/sleep -c sleep -- bash -c 'exec 3<>/dev/tcp/echo.default/9000; printf "one\\n" >&3; timeout 5 head -n 1 <&3 || true' || true`,
  );

test('TCP is let in by port, and no rule about requests lets it in', async () => {
  await eventually(async () => assert.equal(await say(), 'hello one'));
  const only = (operation: string): Promise<void> =>
    apply(
      'AuthorizationPolicy',
      'tcp-policy',
      `{ selector: { matchLabels: { app: echo } }, action: ALLOW, rules: [{ to: [{ operation: ${operation} }] }] }`,
    );
  await only('{ ports: ["9001"] }');
  await eventually(async () => assert.equal(await say(), ''));
  await only('{ ports: ["9000"] }');
  await eventually(async () => assert.equal(await say(), 'hello one'));
  await only('{ ports: ["9000"], methods: [GET] }');
  await eventually(async () => assert.equal(await say(), ''));
  await lift();
  await eventually(async () => assert.equal(await say(), 'hello one'));
});

test('a gRPC service is asked about TCP connections, and knows who makes them', async () => {
  await serveScript(cluster, 'ext-authz-grpc', 9000, grpcAuthorizer, 'grpc');
  const restore = await addProviders(cluster, grpcProvider);
  await apply(
    'AuthorizationPolicy',
    'ext-authz-tcp',
    '{ selector: { matchLabels: { app: echo } }, action: CUSTOM, provider: { name: sample-ext-authz-grpc }, rules: [{ to: [{ operation: { ports: ["9000"] } }] }] }',
  );
  await eventually(async () => assert.equal(await say('bar'), ''));
  await eventually(async () => assert.equal(await say(), 'hello one'));
  const stats = await cluster.sh(
    'kubectl exec deploy/echo-v1 -c istio-proxy -- curl -s localhost:15000/stats | grep ext_authz',
  );
  assert.match(stats, /ext_authz\.tcp\.\S*denied: [1-9]/);
  await restore();
  await lift();
});
