import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeConfig } from '@lateen/config';
import { put } from '../engine/state.ts';
import { manifestChanges } from '../ingest/kubernetes/manifests.ts';
import { decodeMeshSettings } from '../ingest/kubernetes/mesh-settings.ts';
import { authorizationPolicies, emptyMesh, settings, settingsKey, workloads } from './tables.ts';
import { warningsAgainst } from './warnings.ts';

test('a policy that names a provider that the mesh has not is warned of, with those that it has', () => {
  const policy = decodeConfig({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'a' },
    spec: { action: 'CUSTOM', provider: { name: 'opa' }, rules: [{}] },
  });
  assert.ok(policy.ok);
  const against = (mesh: string): readonly string[] => {
    const decoded = decodeMeshSettings(mesh);
    assert.ok(decoded.ok);
    const { state } = emptyMesh().with([put(settings, settingsKey, decoded.value)]);
    return warningsAgainst(state, 'cluster.local', policy.value);
  };
  const provider = (name: string): string =>
    `extensionProviders: [{ name: ${name}, envoyExtAuthzGrpc: { service: a.b.svc.cluster.local, port: 9000 } }]`;
  assert.match(against('{}')[0] ?? '', /^spec\.provider\.name: .*no opa .*it has none.*403/);
  // A provider of another kind cannot be asked.
  assert.match(against('extensionProviders: [{ name: opa, prometheus: {} }]')[0] ?? '', /it has none/);
  assert.match(against(provider('oauth'))[0] ?? '', /it has oauth/);
  assert.deepEqual(against(provider('opa')), []);
});

test('a second provider of one workload is warned of, with the pod and the policy that has the first', () => {
  const custom = (name: string, provider: string, app: string) => {
    const decoded = decodeConfig({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name, namespace: 'shop' },
      spec: {
        selector: { matchLabels: { app } },
        action: 'CUSTOM',
        provider: { name: provider },
        rules: [{}],
      },
    });
    assert.ok(decoded.ok && decoded.value.kind === 'AuthorizationPolicy');
    return decoded.value;
  };
  const provider = (name: string): string =>
    `{ name: ${name}, envoyExtAuthzGrpc: { service: a.b.svc.cluster.local, port: 9000 } }`;
  const mesh = decodeMeshSettings(`extensionProviders: [${provider('opa')}, ${provider('oauth')}]`);
  assert.ok(mesh.ok);
  const { state } = emptyMesh().with([
    put(settings, settingsKey, mesh.value),
    put(workloads, 'shop/web-1', {
      namespace: 'shop',
      name: 'web-1',
      addresses: [],
      labels: { app: 'web' },
      serviceAccount: 'default',
      node: '',
      owner: 'web',
      namedPorts: {},
      mutualTls: true,
      network: '',
    }),
    put(authorizationPolicies, 'shop/first', {
      namespace: 'shop',
      name: 'first',
      createdMs: 0,
      labels: {},
      annotations: {},
      spec: custom('first', 'opa', 'web').spec,
    }),
  ]);
  const against = (name: string, of: string, app: string): string[] =>
    warningsAgainst(state, 'cluster.local', custom(name, of, app));
  assert.deepEqual(against('second', 'opa', 'web'), []);
  assert.deepEqual(against('second', 'oauth', 'cart'), []);
  // The same policy, changed.
  assert.deepEqual(against('first', 'oauth', 'web'), []);
  const [warning, ...more] = against('second', 'oauth', 'web');
  assert.match(
    warning ?? '',
    /^spec\.provider\.name: pod shop\/web-1 .*shop\/first with provider opa; only one provider/,
  );
  assert.deepEqual(more, []);
});

test('a claim that is matched at sidecars too is warned of, unless the match is for gateways', () => {
  const against = (match: object): string[] => {
    const service = decodeConfig({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'a' },
      spec: {
        hosts: ['a'],
        gateways: ['mesh', 'edge'],
        http: [
          {
            match: [{ headers: { '@request.auth.claims.groups': { exact: 'staff' } }, ...match }],
            route: [{ destination: { host: 'a' } }],
          },
        ],
      },
    });
    assert.ok(service.ok, JSON.stringify(service));
    return warningsAgainst(emptyMesh(), 'cluster.local', service.value).filter((text) =>
      text.includes('@request'),
    );
  };
  assert.match(
    against({})[0] ?? '',
    /^spec\.http\[0\]\.match\[0\]\.headers\["@request\.auth\.claims\.groups"\]: .*at sidecars/,
  );
  assert.deepEqual(against({ gateways: ['edge'] }), []);
});

test('destinations that are not there, or whose port is not said, are warned of, copies too', () => {
  const service = manifestChanges(
    'apiVersion: v1\nkind: Service\nmetadata: { name: many, namespace: default }\nspec: { ports: [{ port: 8080 }, { port: 9000 }] }',
    'test',
  );
  assert.ok(service.ok);
  const { state } = emptyMesh().with(service.value);
  const against = (gateways: readonly string[], route: object): readonly string[] => {
    const rule = decodeConfig({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'a', namespace: 'default' },
      spec: { hosts: ['a.test'], gateways, http: [route] },
    });
    assert.ok(rule.ok);
    return warningsAgainst(state, 'cluster.local', rule.value).filter((text) => /destination/.test(text));
  };
  const many = { route: [{ destination: { host: 'many' } }] };
  assert.deepEqual(against(['mesh'], many), []);
  assert.match(
    against(['edge'], many)[0] ?? '',
    /^spec\.http\[0\]\.route\[0\]\.destination: .*8080, 9000.*port\.number/,
  );
  const mirrors = [{ destination: { host: 'nobody' } }];
  assert.match(
    against(['mesh'], { ...many, mirrors })[0] ?? '',
    /^spec\.http\[0\]\.mirrors\[0\]\.destination: .*no service nobody\.default/,
  );
});

test('a provider that cannot be is named by its path', () => {
  for (const [fields, path] of [
    ['port: 9000', 'service'],
    ['service: a, port: 0', 'port'],
    ['service: a, port: 1, timeout: soon', 'timeout'],
    ['service: a, port: 1, pathPrefix: x', 'pathPrefix'],
    ['service: a, port: 1, statusOnError: no', 'statusOnError'],
    ['service: a, port: 1, headersToUpstreamOnAllow: x', 'headersToUpstreamOnAllow'],
  ] as const) {
    const decoded = decodeMeshSettings(`extensionProviders: [{ name: a, envoyExtAuthzHttp: { ${fields} } }]`);
    assert.ok(!decoded.ok);
    assert.deepEqual(
      decoded.problems.map((problem) => problem.path),
      [`extensionProviders[0].envoyExtAuthzHttp.${path}`],
    );
  }
});
