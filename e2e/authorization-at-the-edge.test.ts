// Tokens, policies and routes by claims at the ingress gateway: Istio's tasks "JWT claim based routing" and "Ingress access control".
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

let cluster: TestCluster;
let gateway: string;
const refused = [403, 'RBAC: access denied'] as const;

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwks = JSON.stringify({
  keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }],
});

/** A signed token as an option of curl. */
function bearer(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'RS256', kid: 'one' })}.${part({
    iss: 'testing@secure.istio.io',
    sub: 'testing@secure.istio.io',
    exp: Math.floor(Date.now() / 1000) + 3_600,
    ...claims,
  })}`;
  const signature = sign('sha256', Buffer.from(text), keys.privateKey).toString('base64url');
  return `-H 'Authorization: Bearer ${text}.${signature}'`;
}

const apply = (text: string): Promise<string> => cluster.sh(`kubectl apply -f - <<'EOF'\n${text}\nEOF`);

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
  await cluster.sh('kubectl apply -f samples/httpbin/httpbin-gateway.yaml');
  await eventually(async () => assert.equal(await status('/headers'), 200));
});

test('a policy of the gateway refuses who has no token, and lets in who has one', async () => {
  await apply(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: frontend-ingress, namespace: istio-system }
spec:
  selector: { matchLabels: { istio: ingressgateway } }
  action: DENY
  rules: [{ from: [{ source: { notRequestPrincipals: ["*"] } }], to: [{ operation: { paths: [/headers] } }] }]`);
  await eventually(async () => assert.deepEqual(await ask('/headers'), refused));
  assert.equal(await status('/headers', bearer({})), 200);
  assert.equal(await status('/get'), 200);
  await cluster.sh('kubectl delete authorizationpolicy frontend-ingress -n istio-system');
  await eventually(async () => assert.equal(await status('/headers'), 200));
});
