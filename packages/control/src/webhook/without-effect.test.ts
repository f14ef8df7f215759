import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeConfig } from '@lateen/config';
import { warningsOfNoEffect } from './without-effect.ts';

function warningsFor(apiVersion: string, kind: string, spec: object): string[] {
  const decoded = decodeConfig({ apiVersion, kind, metadata: { name: 'it', namespace: 'default' }, spec });
  assert.ok(decoded.ok, JSON.stringify(decoded));
  return warningsOfNoEffect(decoded.value);
}

test('a kind that is not in force is told with what stays as it is', () => {
  assert.deepEqual(warningsFor('telemetry.istio.io/v1', 'Telemetry', {}), [
    'Telemetry it is kept but NOT IN FORCE: this version does not act on the kind, metrics, traces and logs stay as they are',
  ]);
});

test('fields that are not in force are told with their places, all else in silence', () => {
  const spec = {
    ingress: [{ port: { number: 8888, protocol: 'HTTP', name: 'http' }, bind: '10.0.0.1' }],
    egress: [
      { port: { number: 80, protocol: 'HTTP', name: 'http' }, bind: '127.0.0.1', hosts: ['./*'] },
      { hosts: ['./*'] },
    ],
    outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
  };
  const places = warningsFor('networking.istio.io/v1', 'Sidecar', spec).map((text) => text.split(' ')[0]);
  assert.deepEqual(places, ['spec.ingress[0].bind', 'spec.egress[0].port', 'spec.egress[0].bind']);
  assert.deepEqual(warningsFor('networking.istio.io/v1', 'Sidecar', { egress: [{ hosts: ['./*'] }] }), []);
});

test('a client credential is told of where a rule is for sidecars: they read no secrets', () => {
  const policy = { tls: { mode: 'MUTUAL', credentialName: 'client' } };
  const subsets = [{ name: 'v1' }, { name: 'v2', trafficPolicy: policy }];
  const ofRule = (more: object) =>
    warningsFor('networking.istio.io/v1', 'DestinationRule', { host: 'a', subsets, ...more }).map(
      (text) => text.split(' ')[0],
    );
  assert.deepEqual(ofRule({ workloadSelector: { matchLabels: { app: 'a' } } }), [
    'spec.subsets[1].trafficPolicy.tls.credentialName',
  ]);
  assert.deepEqual(ofRule({}), []);
});
