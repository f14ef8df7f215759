import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RbacStats } from './rbac-stats.ts';

function namesOf(stats: RbacStats): string[] {
  const names: string[] = [];
  stats.visit({ number: (name) => void names.push(stats.prefix + name), histogram() {}, text() {} });
  return names;
}

test('the parts of a name are joined by one dot, whether the prefix ends with one or not', () => {
  for (const prefix of ['tcp', 'tcp.']) {
    const stats = new RbacStats('network', prefix);
    stats.shadow('istio_dry_run_allow_');
    assert.deepEqual(namesOf(stats), [
      'tcp.rbac.allowed',
      'tcp.rbac.denied',
      'tcp.rbac.istio_dry_run_allow_.shadow_allowed',
      'tcp.rbac.istio_dry_run_allow_.shadow_denied',
    ]);
  }
  const plain = new RbacStats('http', 'in');
  plain.shadow('');
  assert.deepEqual(namesOf(plain).slice(2), ['http.in.rbac.shadow_allowed', 'http.in.rbac.shadow_denied']);
});
