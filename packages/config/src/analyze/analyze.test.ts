import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifests } from '../manifest/parse-manifests.ts';
import { analyze } from './analyze.ts';
import { formatMessage } from './message.ts';

function analyzed(yaml: string, complete = true): string[] {
  const { documents, problems } = parseManifests(yaml, 'x');
  assert.deepEqual(problems, []);
  return analyze(
    documents.map(({ object }) => object),
    { complete },
  ).map(formatMessage);
}

const reviews = `
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{port: 9080, name: http}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [{name: v1}, {name: v2}]}
---
`;

function route(destination: string, rest = ''): string {
  return `${reviews}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  ${rest}
  http: [{route: [{destination: ${destination}}]}]
`;
}

test('what fits together gives no message', () => {
  assert.deepEqual(analyzed(route('{host: reviews, subset: v2}')), []);
  assert.deepEqual(analyzed(route('{host: reviews.default.svc.cluster.local, subset: v2}')), []);
});

test('a subset, a host and a gateway that do not exist are named with what there is', () => {
  const [subset] = analyzed(route('{host: reviews, subset: v3}'));
  assert.match(
    subset ?? '',
    /^Error \[IST0101\] \(VirtualService reviews\.default\) spec\.http\[0\]\.route\[0\]\.destination\.subset: .*v1, v2/,
  );
  const [host] = analyzed(route('{host: review}'));
  assert.match(host ?? '', /IST0101.*review\.default\.svc\.cluster\.local.*did you mean reviews\?/);
  const [gateway] = analyzed(route('{host: reviews}', 'gateways: [edge]'));
  assert.match(gateway ?? '', /spec\.gateways\[0\]: there is no Gateway default\/edge/);
});

test('files alone are not blamed for what may be in the cluster', () => {
  assert.deepEqual(analyzed(route('{host: elsewhere}', 'gateways: [edge]'), false), []);
});

test('a subset that a wildcard rule of another namespace defines is found', () => {
  assert.deepEqual(
    analyzed(`${route('{host: reviews, subset: v9}')}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: all, namespace: istio-system}
spec: {host: "*.svc.cluster.local", subsets: [{name: v9}]}`),
    [],
  );
});

test('a badly named port is told how to be named', () => {
  const [line] = analyzed(`
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80, name: web}, {port: 81, name: tcp-x}, {port: 53, protocol: UDP, name: dns}]}
`);
  assert.match(
    line ?? '',
    /^Info \[IST0118\] \(Service a\.default\) spec\.ports\[0\]\.name: .*"web".*http, http2/,
  );
});

test('rules behind one that takes everything are named', () => {
  const found = analyzed(`${reviews}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews}}]
  - match: [{uri: {exact: /x}}]
    route: [{destination: {host: reviews}}]
`);
  assert.equal(found.length, 1);
  assert.match(found[0]!, /IST0130.*spec\.http\[1\]/);
});

test('a second VirtualService for a host in the mesh is named', () => {
  const one = (name: string): string => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
`;
  const found = analyzed(reviews + one('a') + one('b'));
  assert.equal(found.length, 1);
  assert.match(found[0]!, /IST0109\] \(VirtualService b\.default\).*VirtualService a\.default/);
});

test('an object that is wrong is named with all its problems', () => {
  const found = analyzed(
    'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {servers: [], select: {}}',
  );
  assert.ok(found.every((line) => line.startsWith('Error [IST0106] (Gateway g.default)')));
});

test('pods that missed their sidecar are named, those that want none are not', () => {
  const found = analyzed(`
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop}
spec: {containers: [{name: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: shop, labels: {sidecar.istio.io/inject: "false"}}
spec: {containers: [{name: b}]}
---
apiVersion: v1
kind: Pod
metadata: {name: c, namespace: shop}
spec: {containers: [{name: c}, {name: istio-proxy}]}
`);
  assert.equal(found.length, 1);
  assert.match(found[0]!, /IST0103\] \(Pod a\.shop\)/);
});

test('a policy that holds for nobody, and a namespace that is not there, are named', () => {
  const pod = `
apiVersion: v1
kind: Namespace
metadata: {name: default}
---
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a, sidecar.istio.io/inject: "false"}}
spec: {containers: [{name: a}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
`;
  const policy = (app: string, namespace: string, from: string): string[] =>
    analyzed(
      `${pod}metadata: {name: p, namespace: ${namespace}}\nspec: {selector: {matchLabels: {app: ${app}}}, rules: [{from: [{source: {namespaces: [${from}]}}]}]}`,
    ).filter((line) => line.includes('AuthorizationPolicy'));
  assert.deepEqual(policy('a', 'default', 'default'), []);
  assert.deepEqual(policy('a', 'istio-system', '"def*"'), []);
  assert.match(policy('b', 'default', 'default')[0] ?? '', /^Warning \[IST0127\].*spec\.selector: .*app=b/);
  assert.match(policy('a', 'other', 'default')[0] ?? '', /IST0127/);
  assert.match(
    policy('a', 'default', 'none')[0] ?? '',
    /^Error \[IST0101\].*spec\.rules\[0\]\.from\[0\]\.source\.namespaces\[0\]: there is no namespace none/,
  );
});

test('routes by claims are named where no claim is known: at sidecars, and where nobody verifies tokens', () => {
  const mesh = (gateways: string, match: string, authentication: string): string[] =>
    analyzed(`
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80, name: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: edge-1, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {containers: [{name: istio-proxy}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  gateways: [${gateways}]
  http: [{match: [{headers: {"@request.auth.claims.sub": {exact: me}}, ${match}}], route: [{destination: {host: a}}]}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, ${authentication}}
`).filter((line) => line.includes('@request'));
  const held = 'namespace: istio-system}\nspec: {selector: {matchLabels: {istio: ingressgateway}}';
  assert.deepEqual(mesh('edge', '', held), []);
  assert.deepEqual(mesh('edge, mesh', 'gateways: [edge]', held), []);
  assert.match(
    mesh('edge, mesh', '', held)[0] ?? '',
    /^Warning \[LTN0001\] \(VirtualService a\.default\) spec\.http\[0\]\.match\[0\]\.headers\["@request\.auth\.claims\.sub"\]: .*at sidecars/,
  );
  for (const elsewhere of [
    'namespace: default}\nspec: {',
    'namespace: istio-system}\nspec: {selector: {matchLabels: {istio: egressgateway}}',
  ]) {
    assert.match(
      mesh('edge', '', elsewhere)[0] ?? '',
      /^Error \[IST0149\].*no RequestAuthentication holds for pod edge-1\.istio-system of Gateway default\/edge/,
    );
  }
});

test('several CUSTOM providers of one workload are named at each policy', () => {
  const policies = (provider: string, app: string): string[] =>
    analyzed(`
apiVersion: v1
kind: Pod
metadata: {name: a-1, labels: {app: a, sidecar.istio.io/inject: "false"}}
spec: {containers: [{name: a}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: all, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: opa}, rules: [{}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: one}
spec: {selector: {matchLabels: {app: ${app}}}, action: CUSTOM, provider: {name: ${provider}}, rules: [{}]}
`).filter((line) => line.includes('LTN0002'));
  assert.deepEqual(policies('opa', 'a'), []);
  assert.deepEqual(policies('oauth', 'b'), []);
  const found = policies('oauth', 'a');
  assert.equal(found.length, 2);
  assert.match(
    found[1] ?? '',
    /^Error \[LTN0002\] \(AuthorizationPolicy one\.default\) spec\.provider\.name: Pod a-1\.default is also under AuthorizationPolicy all\.istio-system with provider opa: only one/,
  );
});

test('at a gateway, a destination with several ports has to choose one', () => {
  const service = `
apiVersion: v1
kind: Service
metadata: {name: many}
spec: {ports: [{port: 8080, name: http}, {port: 9000, name: tcp}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: many}
spec:
`;
  const chosen = (spec: string): string[] => analyzed(service + spec).filter((text) => /IST0112/.test(text));
  const [missing] = chosen(
    '  {hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: many}}]}]}',
  );
  assert.match(
    missing ?? '',
    /^Error \[IST0112\] \(VirtualService many\.default\) spec\.http\[0\]\.route\[0\]\.destination\.port: is required.*8080, 9000/,
  );
  const port = '{host: many, port: {number: 8080}}';
  assert.deepEqual(
    chosen(`  {hosts: ["*"], gateways: [edge], http: [{route: [{destination: ${port}}]}]}`),
    [],
  );
  // A sidecar knows which port of the service was asked for.
  assert.deepEqual(chosen('  {hosts: [many], http: [{route: [{destination: {host: many}}]}]}'), []);
});

function envoyFilter(name: string, patch: string, more = ''): string {
  return `
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: ${name}}
spec: {${more} configPatches: [{${patch}}]}
`;
}

test('patches that do nothing, and those whose order is left to chance, are told', () => {
  const codes = (...manifests: string[]): string[] =>
    analyzed(manifests.join('')).map((text) => /IST\d+\] \(EnvoyFilter [a-z]+/.exec(text)?.[0] ?? text);
  const merge = 'applyTo: HTTP_FILTER, patch: {operation: MERGE, value: {name: x}}';
  const versioned = `${merge}, match: {proxy: {proxyVersion: ^1}}`;
  const on = (applyTo: string, operation: string): string =>
    envoyFilter('a', `applyTo: ${applyTo}, patch: {operation: ${operation}, value: {name: x}}`);
  assert.deepEqual(codes(envoyFilter('a', merge)), ['IST0151] (EnvoyFilter a']);
  assert.deepEqual(codes(envoyFilter('a', merge, 'priority: 1,')), []);
  assert.deepEqual(codes(on('HTTP_FILTER', 'INSERT_FIRST')), []);
  assert.deepEqual(codes(on('CLUSTER', 'REPLACE')), ['IST0152] (EnvoyFilter a']);
  assert.deepEqual(codes(on('ROUTE_CONFIGURATION', 'ADD')), ['IST0153] (EnvoyFilter a']);
  assert.deepEqual(codes(on('ROUTE_CONFIGURATION', 'REMOVE')), ['IST0154] (EnvoyFilter a']);
  assert.deepEqual(codes(envoyFilter('a', versioned, 'priority: 1,'), envoyFilter('b', merge)), [
    'IST0155] (EnvoyFilter b',
  ]);
});
