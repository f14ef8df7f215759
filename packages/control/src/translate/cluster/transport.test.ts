import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesFromRequest } from './transport.ts';

test('the name in TLS is that of the request where a rule names none, and is verified unless that is waived', () => {
  const none = { serverName: false, verified: false };
  assert.deepEqual(namesFromRequest(undefined), none);
  assert.deepEqual(namesFromRequest({ mode: 'ISTIO_MUTUAL' }), none);
  assert.deepEqual(namesFromRequest({ mode: 'SIMPLE', sni: 'a.test' }), none);
  assert.deepEqual(namesFromRequest({ mode: 'SIMPLE' }), { serverName: true, verified: true });
  assert.deepEqual(namesFromRequest({ mode: 'SIMPLE', insecureSkipVerify: true }), {
    serverName: true,
    verified: false,
  });
});
