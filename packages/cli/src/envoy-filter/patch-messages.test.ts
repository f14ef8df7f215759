import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchMessages } from './patch-messages.ts';

const fault = 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault';
const lua = 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua';

/** Code and path of what is found in patches: each what it applies to, an operation and a value. */
async function found(...patches: readonly (readonly [string, string, object])[]): Promise<string[]> {
  const configPatches = patches.map(([applyTo, operation, value]) => ({
    applyTo,
    patch: { operation, value },
  }));
  const filter = {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'it' },
    spec: { configPatches },
  };
  const messages = await patchMessages([filter], 'here');
  assert.ok(messages.every(({ object }) => object.namespace === 'here'));
  return messages.map(({ code, path }) => `${code} ${path.replace(/^spec\.configPatches/, '')}`);
}

const http = (type: string, config: object = {}) => ({
  name: 'x',
  typed_config: { '@type': type, ...config },
});

test('a value that is no message of Envoy’s, and a patch without effect, are told by their paths', async () => {
  const merged = ['CLUSTER', 'MERGE', { conect_timeout: '1s' }] as const;
  assert.deepEqual(await found(merged, ['BOOTSTRAP', 'MERGE', {}]), [
    'IST0106 [0].patch.value.conect_timeout',
    'LTN0003 [1].applyTo',
  ]);
});

test('what proxies refuse of what is added is told by its field, wherever it is added', async () => {
  const broken = { match: { safe_regex: { regex: '(a' } }, direct_response: { status: 200 } };
  const abort = { abort: { http_status: 7 } };
  const chain = { filters: [{ name: 'none', typed_config: { '@type': lua } }] };
  assert.deepEqual(
    await found(
      ['HTTP_FILTER', 'INSERT_FIRST', http(fault, abort)],
      ['EXTENSION_CONFIG', 'ADD', http(fault, abort)],
      ['NETWORK_FILTER', 'INSERT_FIRST', http(fault)],
      ['LISTENER_FILTER', 'ADD', http(fault)],
      ['FILTER_CHAIN', 'ADD', chain],
      ['CLUSTER', 'ADD', { name: 'c', connect_timeout: '-1s' }],
      ['VIRTUAL_HOST', 'ADD', { name: 'v', domains: ['v'], routes: [broken] }],
      ['HTTP_ROUTE', 'INSERT_FIRST', broken],
    ),
    [
      'LTN0004 [0].patch.value.typed_config.abort.http_status',
      'LTN0004 [1].patch.value.typed_config.abort.http_status',
      'LTN0004 [2].patch.value',
      'LTN0004 [3].patch.value',
      'LTN0004 [4].patch.value.filters[0]',
      'LTN0004 [5].patch.value.connect_timeout',
      'LTN0004 [6].patch.value.routes[0].match.safe_regex.regex',
      'LTN0004 [7].patch.value.match.safe_regex.regex',
    ],
  );
});

test('nothing is said of what is fine, or only a part', async () => {
  assert.deepEqual(
    await found(
      ['HTTP_FILTER', 'INSERT_FIRST', http(fault, { abort: { http_status: 503 } })],
      ['HTTP_FILTER', 'MERGE', http(fault, { abort: { http_status: 7 } })],
      ['LISTENER', 'MERGE', { per_connection_buffer_limit_bytes: 1024 }],
    ),
    [],
  );
  assert.deepEqual(await patchMessages([], 'here'), []);
});
