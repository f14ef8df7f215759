import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import { RequestHead } from '../codec/head.ts';
import type { HeaderAddition } from '../model/index.ts';
import type { StreamInfo } from '../telemetry/stream-info.ts';
import { compileHeaderOperations } from './header-operations.ts';

/** What the header x-seen becomes; the request has the header x-dash with the value `-`. */
function added(value: string, more: Partial<HeaderAddition> = {}): string | undefined {
  const request = new RequestHead();
  request.headers.add(headerName('x-dash'), '-');
  const addition: HeaderAddition = { name: 'x-seen', value, action: 'append', keepEmpty: false, ...more };
  const compiled = compileHeaderOperations({ add: [addition], remove: [] }, '', []);
  const headers = new HeaderBlock();
  compiled?.apply(headers, { request } as StreamInfo);
  return headers.get(headerName('x-seen'));
}

test('what a header is to hold and is not there leaves nothing in it', () => {
  assert.equal(added('a%REQ(no)%b'), 'ab');
  assert.equal(added('%REQ(no)%'), undefined);
  assert.equal(added('%REQ(no)%', { keepEmpty: true }), '');
});

test('a dash that somebody has sent is a value', () => {
  assert.equal(added('%REQ(x-dash)%'), '-');
  assert.equal(added('-'), '-');
});
