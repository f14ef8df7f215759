import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerName } from './header-name.ts';
import { HeadPool, RequestHead, ResponseHead } from './head.ts';

test('a head that is used again says nothing of the message that it was of', () => {
  const pool = new HeadPool();
  const request = pool.request();
  Object.assign(request, {
    method: 'POST',
    scheme: 'https',
    authority: 'a.example.com',
    path: '/private?token=1',
    version: 'HTTP/2',
    upgrade: 'websocket',
    expectContinue: true,
    acceptsTrailers: true,
    introductionAt: 3,
    introductionHidden: true,
    introductionAsks: true,
  });
  request.headers.add(headerName('cookie'), 'a=b');
  // A field that is new has to be among those above.
  for (const [name, value] of Object.entries(new RequestHead()))
    if (name !== 'headers') assert.notEqual(request[name as keyof RequestHead], value, name);
  pool.releaseRequest(request);
  const again = pool.request();
  assert.equal(again, request);
  for (const [name, value] of Object.entries(new RequestHead()))
    if (name !== 'headers') assert.equal(again[name as keyof RequestHead], value, name);
  assert.equal(again.headers.get(headerName('cookie')), undefined);

  const response = pool.response();
  Object.assign(response, { status: 500, version: 'HTTP/2', upgrade: 'websocket' });
  pool.releaseResponse(response);
  assert.equal(pool.response(), response);
  const { status, version, upgrade } = new ResponseHead();
  assert.deepEqual([response.status, response.version, response.upgrade], [status, version, upgrade]);
});
