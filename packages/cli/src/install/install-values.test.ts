import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeInstallValues } from './install-values.ts';

test('a setting changes the profile where it says so', () => {
  const result = decodeInstallValues({
    profile: 'demo',
    settings: [
      'meshConfig.accessLogEncoding=JSON',
      'components.egressGateways[0].enabled=false',
      'values.global.proxy.logLevel=debug',
    ],
  });
  assert.ok(result.ok);
  assert.deepEqual(result.value.meshConfig, { accessLogFile: '/dev/stdout', accessLogEncoding: 'JSON' });
  assert.equal(result.value.egressGateway.enabled, false);
  assert.equal(result.value.ingressGateway.enabled, true);
  assert.deepEqual(result.value.values, { global: { proxy: { logLevel: 'debug' } } });
});

test('every wrong setting is named, with what was probably meant', () => {
  const result = decodeInstallValues({
    settings: ['hubb=x', 'components.pilot.enabled=maybe', 'nothing', 'profile=big'],
  });
  assert.ok(!result.ok);
  const text = result.problems.map((p) => `${p.path} ${p.message}`).join('\n');
  assert.match(text, /hubb is not known; did you mean hub\?/);
  assert.match(text, /components\.pilot\.enabled must be true or false, not "maybe"/);
  assert.match(text, /nothing must be PATH=VALUE/);
  assert.match(text, /profile "big" is not known/);
});

test('settings win over the file', () => {
  const result = decodeInstallValues({
    settings: ['components.pilot.k8s.replicaCount=3'],
    operatorSpec: { profile: 'minimal', components: { pilot: { k8s: { replicaCount: 2 } } } },
  });
  assert.ok(result.ok);
  assert.equal(result.value.profile, 'minimal');
  assert.equal(result.value.pilot.replicas, 3);
});
