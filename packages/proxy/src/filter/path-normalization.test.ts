import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PathNormalization } from '../model/network-filter.ts';
import { normalizePath } from './path-normalization.ts';

const on: PathNormalization = { normalize: true, mergeSlashes: true, escapedSlashes: 'keep' };

function path(text: string, options: Partial<PathNormalization> = {}): string {
  const result = normalizePath(text, { ...on, ...options });
  return result.kind === 'path' ? result.path : result.kind === 'redirect' ? `-> ${result.path}` : 'rejected';
}

test('dots are resolved, unreserved characters decoded, slashes merged, the query left alone', () => {
  assert.equal(path('/a/../b'), '/b');
  assert.equal(path('/a/./b/.'), '/a/b/');
  assert.equal(path('/a/b/..'), '/a/');
  assert.equal(path('/../../etc/passwd'), '/etc/passwd');
  assert.equal(path('/%61dmin'), '/admin');
  assert.equal(path('/a/%2e%2e/admin'), '/admin');
  assert.equal(path('/a//b'), '/a/b');
  assert.equal(path('/a\\..\\admin'), '/admin');
  assert.equal(path('/a%20b'), '/a%20b');
  assert.equal(path('/a?x=/../%61'), '/a?x=/../%61');
  assert.equal(path('/a//b', { mergeSlashes: false }), '/a//b');
  assert.equal(path('/a/../b', { normalize: false, mergeSlashes: false }), '/a/../b');
});

test('what cannot be decoded, NUL, and a fragment is rejected', () => {
  assert.equal(path('/a%2'), 'rejected');
  assert.equal(path('/a%zz'), 'rejected');
  assert.equal(path('/a%00b'), 'rejected');
  assert.equal(path('/a#b'), 'rejected');
  assert.equal(path('/a?b#c', { normalize: false }), 'rejected');
});

test('escaped slashes are kept, rejected, or undone before the dots are', () => {
  assert.equal(path('/a%2fb'), '/a%2fb');
  assert.equal(path('/a%2Fb', { escapedSlashes: 'reject' }), 'rejected');
  assert.equal(path('/a%5cb', { escapedSlashes: 'reject' }), 'rejected');
  assert.equal(path('/a%2f..%2fadmin', { escapedSlashes: 'unescape_and_forward' }), '/admin');
  assert.equal(path('/a%2fb?x', { escapedSlashes: 'unescape_and_redirect' }), '-> /a/b?x');
});

test('a normalised path stays as it is, begins with a slash and has no dot segment', () => {
  const piece = fc.constantFrom('a', '.', '..', '%2e', '%2E%2e', '', '%61', '\\', 'b.c', '%25');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const once = path(`/${pieces.join('/')}`);
      assert.ok(once.startsWith('/'), once);
      assert.ok(!/\/\.{1,2}(\/|$)/.test(once), once);
      assert.equal(path(once), once);
    }),
  );
});
