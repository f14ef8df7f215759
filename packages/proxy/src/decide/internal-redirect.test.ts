import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { InternalRedirectPolicy } from '../model/route.ts';
import { internalRedirectTarget } from './internal-redirect.ts';

const policy: InternalRedirectPolicy = {
  maxRedirects: 1,
  statuses: [302],
  crossScheme: 'never',
  avoidPreviousRoutes: false,
  copiedHeaders: [],
};

test('an absolute location is followed, without its fragment, and a path of its own is put in', () => {
  assert.deepEqual(internalRedirectTarget(policy, 'http://a.b:8080/x?y=1#z', 'http', 'http'), {
    scheme: 'http',
    authority: 'a.b:8080',
    path: '/x?y=1',
  });
  assert.equal(internalRedirectTarget(policy, 'http://a.b?q', 'http', 'http')?.path, '/?q');
  assert.equal(internalRedirectTarget(policy, '/just/a/path', 'http', 'http'), undefined);
  assert.equal(internalRedirectTarget(policy, 'ftp://a.b/', 'http', 'http'), undefined);
});

test('another scheme is followed only where that is allowed, and safely only where the client uses it', () => {
  assert.equal(internalRedirectTarget(policy, 'https://a/', 'http', 'https'), undefined);
  const safe = { ...policy, crossScheme: 'safe' as const };
  assert.equal(internalRedirectTarget(safe, 'https://a/', 'http', 'http'), undefined);
  assert.equal(internalRedirectTarget(safe, 'https://a/', 'http', 'https')?.scheme, 'https');
  assert.equal(internalRedirectTarget(safe, 'http://a/', 'https', 'https')?.scheme, 'http');
  const always = { ...policy, crossScheme: 'always' as const };
  assert.equal(internalRedirectTarget(always, 'https://a/', 'http', 'http')?.scheme, 'https');
});

test('whatever a location holds, a path of a target begins with a slash and has no space', () => {
  fc.assert(
    fc.property(fc.string(), (rest) => {
      const target = internalRedirectTarget(policy, `http://h${rest}`, 'http', 'http');
      assert.ok(target === undefined || (/^\/\S*$/.test(target.path) && !/\s/.test(target.authority)));
    }),
  );
});
