import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeFields, fieldPolicies } from './field-policies.ts';

test('every policy speaks of fields that its message has, and of each message once', () => {
  const seen = new Set<string>();
  for (const policy of fieldPolicies) {
    const { typeName, table } = policy.type;
    assert.ok(!seen.has(typeName), typeName);
    seen.add(typeName);
    const names = new Set(table.fields.map((field) => field.name));
    for (const name of [...policy.honoured, ...policy.ignored.keys()]) {
      assert.ok(names.has(name), `${typeName} has no field ${name}`);
    }
    for (const name of policy.ignored.keys()) {
      assert.ok(!policy.honoured.has(name), `${typeName}.${name} is both honoured and ignored`);
    }
  }
});

test('the documentation of the fields is up to date', () => {
  const path = new URL('../../../../docs/proxy-fields.md', import.meta.url);
  assert.equal(readFileSync(path, 'utf8'), describeFields());
});
