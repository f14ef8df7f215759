// Tokens, policies and routes by claims at the ingress gateway: Istio's tasks "JWT claim based routing", "Ingress access
// control" and "External authorization".
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { addProviders, editMesh, grpcProvider, httpProvider } from './harness/mesh-config.ts';
import { grpcAuthorizer, httpAuthorizer, serveScript } from './harness/served-script.ts';
import { tokenIssuer } from './harness/tokens.ts';

let cluster: TestCluster;
let gateway: string;
const refused = [403, 'RBAC: access denied'] as const;

const { jwks, bearer } = tokenIssuer();

const apply = (text: string): Promise<string> => cluster.sh(`kubectl apply -f - <<'EOF'\n${text}\nEOF`);

/** Applies a policy for the gateway. */
const applyPolicy = (name: string, spec: string): Promise<string> =>
  apply(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: istio-system }
spec: { selector: { matchLabels: { istio: ingressgateway } }, ${spec} }`);

/** Takes all policies of the gateway away, and waits until nobody is refused. */
async function lift(): Promise<void> {
  await cluster.sh('kubectl delete authorizationpolicies --all -n istio-system');
  await eventually(async () => assert.equal(await status('/headers'), 200));
}

/** The status of a request through the gateway, and its body. */
async function ask(path: string, options = ''): Promise<readonly [number, string]> {
  const out = await cluster.sh(`curl -s -m 5 -w '\\n%{http_code}' ${options} http://${gateway}${path}`);
  const end = out.lastIndexOf('\n');
  return [Number(out.slice(end + 1)), out.slice(0, end)];
}
const status = async (path: string, options = ''): Promise<number> => (await ask(path, options))[0];

before(async () => {
  cluster = await startCluster('');
  await cluster.sh(
    'kubectl get ns default; kubectl label ns default istio-injection=enabled --overwrite; kubectl apply -f samples/httpbin/httpbin.yaml -f samples/httpbin/httpbin-gateway.yaml; kubectl wait --for=condition=Ready pod --all --timeout=60s',
  );
  gateway = (
    await cluster.sh(
      `lateen status -o json | node -pe 'const s = JSON.parse(require("fs").readFileSync(0)); s.ingress.address + ":" + s.ingress.port'`,
    )
  ).trim();
  await eventually(async () => assert.equal(await status('/headers'), 200));
  await apply(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: ingress-jwt, namespace: istio-system }
spec:
  selector: { matchLabels: { istio: ingressgateway } }
  jwtRules: [{ issuer: testing@secure.istio.io, jwks: '${jwks}' }]`);
  await eventually(async () => assert.equal(await status('/headers', "-H 'Authorization: Bearer no'"), 401));
});
after(() => cluster.remove());

test('a route is taken by those whose verified token has the claim', async () => {
  const route = (claim: string): Promise<string> =>
    apply(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: httpbin }
spec:
  hosts: ["*"]
  gateways: [httpbin-gateway]
  http:
    - match: [{ uri: { prefix: /headers }, headers: { "${claim}": { exact: group1 } } }]
      route: [{ destination: { host: httpbin, port: { number: 8000 } } }]`);
  for (const [claim, good, bad] of [
    ['@request.auth.claims.groups', { groups: ['group2', 'group1'] }, { groups: ['group2'] }],
    ['@request.auth.claims[org.example][team]', { 'org.example': { team: 'group1' } }, { org: 'group1' }],
  ] as const) {
    await route(claim);
    await eventually(async () => assert.equal(await status('/headers'), 404));
    await eventually(async () => assert.equal(await status('/headers', bearer(good)), 200));
    assert.equal(await status('/headers', bearer(bad)), 404);
    assert.equal(await status('/headers', "-H 'request.auth.claims.groups: group1'"), 404);
    assert.equal(await status('/headers', "-H 'Authorization: Bearer no'"), 401);
  }
  const { stderr } = await cluster.trySh(`kubectl apply -f - <<'EOF'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: half }
spec:
  hosts: ["*"]
  http: [{ match: [{ headers: { "@request.auth.claims[a": { exact: b } } }], route: [{ destination: { host: httpbin } }] }]
EOF`);
  assert.match(stderr, /must be @request\.auth\.claims\.NAME or @request\.auth\.claims\[NAME\]/);
  assert.match(
    stderr,
    /spec\.http\[0\]\.match\[0\]\.headers\["@request\.auth\.claims\[a"\]: .* can only be matched at gateways/,
  );
  await cluster.sh('kubectl apply -f samples/httpbin/httpbin-gateway.yaml');
  await eventually(async () => assert.equal(await status('/headers'), 200));
});

test('a policy of the gateway refuses who has no token, and lets in who has one', async () => {
  await applyPolicy(
    'frontend-ingress',
    'action: DENY, rules: [{ from: [{ source: { notRequestPrincipals: ["*"] } }], to: [{ operation: { paths: [/headers] } }] }]',
  );
  await eventually(async () => assert.deepEqual(await ask('/headers'), refused));
  assert.equal(await status('/headers', bearer({})), 200);
  assert.equal(await status('/get'), 200);
  await lift();
});

test('a policy that allows refuses whatever it does not name', async () => {
  await applyPolicy('only-headers', 'action: ALLOW, rules: [{ to: [{ operation: { paths: [/headers] } }] }]');
  await eventually(async () => assert.deepEqual(await ask('/get'), refused));
  assert.equal(await status('/headers'), 200);
  await applyPolicy(
    'only-headers',
    'action: ALLOW, rules: [{ to: [{ operation: { paths: [/headers], methods: [POST] } }] }]',
  );
  await eventually(async () => assert.deepEqual(await ask('/headers'), refused));
  await lift();
});

test('addresses of those who connect are judged by ipBlocks, whatever a request says of itself', async () => {
  const [, seen] = await ask('/headers');
  const client = /"X-Forwarded-For": "([^",]+)"/.exec(seen)?.[1];
  assert.ok(client, seen);
  await applyPolicy(
    'ingress-policy',
    `action: ALLOW, rules: [{ from: [{ source: { ipBlocks: ["${client}"] } }] }]`,
  );
  await applyPolicy(
    'not-this',
    'action: DENY, rules: [{ from: [{ source: { ipBlocks: ["203.0.113.0/24"] } }] }]',
  );
  await applyPolicy('nothing-else', 'action: DENY, rules: [{ to: [{ operation: { paths: [/ip] } }] }]');
  await eventually(async () => assert.deepEqual(await ask('/ip'), refused));
  assert.equal(await status('/headers'), 200);
  assert.equal(await status('/headers', '-H "X-Forwarded-For: 203.0.113.9"'), 200);
  await applyPolicy(
    'ingress-policy',
    'action: ALLOW, rules: [{ from: [{ source: { ipBlocks: ["203.0.113.0/24"] } }] }]',
  );
  await eventually(async () => assert.deepEqual(await ask('/headers'), refused));
  assert.deepEqual(await ask('/headers', '-H "X-Forwarded-For: 203.0.113.9"'), refused);
  await lift();
});

test('the address that trusted proxies have told is judged by remoteIpBlocks', async () => {
  const from = (addresses: string): Promise<readonly [number, string]> =>
    ask('/headers', `-H "X-Forwarded-For: ${addresses}"`);
  await applyPolicy(
    'ingress-policy',
    'action: ALLOW, rules: [{ from: [{ source: { remoteIpBlocks: ["72.9.5.0/24"] } }] }]',
  );
  // Nobody stands before the gateway: what requests say is not believed.
  await eventually(async () => assert.deepEqual(await from('56.5.6.7, 72.9.5.6'), refused));
  const restore = await editMesh(cluster, (text) =>
    text.replace(/^defaultConfig:\n/m, (head) => `${head}  gatewayTopology: { numTrustedProxies: 2 }\n`),
  );
  await eventually(async () => assert.equal((await from('56.5.6.7, 72.9.5.6, 98.1.2.3'))[0], 200));
  assert.deepEqual(await from('72.9.5.6, 56.5.6.7, 98.1.2.3'), refused);
  assert.deepEqual(await ask('/headers'), refused);
  await restore();
  await eventually(async () => assert.deepEqual(await from('56.5.6.7, 72.9.5.6, 98.1.2.3'), refused));
  await lift();
});

test('a service of one’s own is asked at the gateway, by HTTP or by gRPC, but one alone', async () => {
  await serveScript(cluster, 'ext-authz', 8000, httpAuthorizer);
  await serveScript(cluster, 'ext-authz-grpc', 9000, grpcAuthorizer, 'grpc');
  const restore = await addProviders(cluster, httpProvider, grpcProvider);
  for (const [protocol, denial] of [
    ['http', 'denied by ext_authz'],
    ['grpc', ''],
  ] as const) {
    await applyPolicy(
      'ext-authz',
      `action: CUSTOM, provider: { name: sample-ext-authz-${protocol} }, rules: [{ to: [{ operation: { paths: [/headers] } }] }]`,
    );
    await eventually(async () => assert.deepEqual(await ask('/headers'), [403, denial]));
    await eventually(async () => assert.equal(await status('/headers', '-H "x-ext-authz: allow"'), 200));
    assert.equal(await status('/get'), 200);
  }
  const { stderr } = await cluster.trySh(`kubectl apply -f - <<'EOF'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: another, namespace: istio-system }
spec: { selector: { matchLabels: { istio: ingressgateway } }, action: CUSTOM, provider: { name: sample-ext-authz-http }, rules: [{ to: [{ operation: { paths: [/get] } }] }] }
EOF`);
  assert.match(
    stderr,
    /^Warning: spec\.provider\.name: .*istio-system\/ext-authz with provider sample-ext-authz-grpc/,
  );
  await eventually(async () => assert.deepEqual(await ask('/get', '-H "x-ext-authz: allow"'), refused));
  assert.deepEqual(await ask('/headers', '-H "x-ext-authz: allow"'), refused);
  for (const command of ['istioctl analyze -n istio-system', 'lateen status']) {
    assert.match((await cluster.trySh(command)).stdout, /LTN0002.*only one provider/);
  }
  await restore();
  await lift();
});
