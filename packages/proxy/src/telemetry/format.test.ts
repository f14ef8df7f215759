import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileFormat } from './format.ts';

test('command operators have the parameters that they need, and no others', () => {
  for (const format of [
    '%REQ(a)%',
    '%REQ(a?b):5%',
    '%RESPONSE_CODE_DETAILS(x)%',
    '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)%',
    '%DOWNSTREAM_PEER_CERT_V_START(%Y)%',
    '%DURATION%',
    '%START_TIME(%Y)%',
  ])
    assert.ok(compileFormat(format).ok, format);
  for (const format of [
    '%REQ%',
    '%REQ()%',
    '%REQ:5%',
    '%TRAILER%',
    '%ENVIRONMENT%',
    '%DURATION(x)%',
    '%PROTOCOL:3%',
  ])
    assert.ok(!compileFormat(format).ok, format);
});
