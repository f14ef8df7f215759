import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeConfig } from '@lateen/config';
import { put } from '../engine/state.ts';
import { decodeMeshSettings } from '../ingest/kubernetes/mesh-settings.ts';
import { emptyMesh, settings, settingsKey } from './tables.ts';
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
