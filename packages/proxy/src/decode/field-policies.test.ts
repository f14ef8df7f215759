import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeFields, fieldPolicies } from './field-policies.ts';
import { typesInAny } from './known-types.ts';
import { clusterDecoder } from './resource.ts';

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

test('every message that is reached by an honoured field has a policy: no field is forgotten', () => {
  const known = new Set(fieldPolicies.map(({ type }) => type.typeName));
  const forgotten: string[] = [];
  for (const { type, honoured } of fieldPolicies) {
    for (const { name, message } of type.table.fields) {
      if (message === undefined || !honoured.has(name) || known.has(message.typeName)) continue;
      // A node goes to control planes as it stands, whole.
      if (message.typeName === 'envoy.config.core.v3.Node') continue;
      // Google's own (Any, Struct, Duration, wrappers) are values, not messages with fields of ours.
      if (!message.typeName.startsWith('google.'))
        forgotten.push(`${type.typeName}.${name}: ${message.typeName}`);
    }
  }
  assert.deepEqual(forgotten, []);
});

/** Taken so that a dump can show them; what they say is read by nobody, and that is known. */
const unread: Readonly<Record<string, string>> = {
  'envoy.service.discovery.v3.Resource': 'the envelope of a resource, read by the subscription',
  'envoy.service.runtime.v3.Runtime': 'a layer, read by the subscription',
  'udpa.type.v1.TypedStruct': 'the old envelope of a message',
  'xds.type.v3.TypedStruct': 'the envelope of a message',
};

test('every message that is taken inside an Any has a policy', () => {
  const known = new Set(fieldPolicies.map(({ type }) => type.typeName));
  const forgotten = typesInAny()
    .filter(({ typeName, table }) => table.fields.length > 0 && !known.has(typeName) && !(typeName in unread))
    .map(({ typeName }) => typeName);
  assert.deepEqual(forgotten, []);
});

test('a field within a message that is read with its parent is refused by its path', () => {
  const decoded = clusterDecoder.fromMessage({
    name: 'c',
    upstreamBindConfig: {
      sourceAddress: { address: '127.0.0.1', portValue: 0 },
      freebind: true,
      socketOptions: [{ name: 1 }],
    },
  });
  assert.ok(!decoded.ok);
  assert.deepEqual(
    decoded.problems.map(({ path }) => path),
    [
      'upstream_bind_config.freebind',
      'upstream_bind_config.socket_options',
      'upstream_bind_config.socket_options[0]',
    ],
  );
});

test('the documentation of the fields is up to date', () => {
  const path = new URL('../../../../docs/proxy-fields.md', import.meta.url);
  assert.equal(readFileSync(path, 'utf8'), describeFields());
});
