import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestPrincipal } from './claim-match.ts';

test('the identity of a token is its issuer and, after the last slash, its subject', () => {
  const any = { safeRegex: { regex: '.+' } };
  for (const [value, issuer, subject] of [
    ['*', any, any],
    ['https://a/b/alice', { exact: 'https://a/b' }, { exact: 'alice' }],
    ['https://a/*', { exact: 'https://a' }, any],
    ['https://a/al*', { exact: 'https://a' }, { prefix: 'al' }],
    ['*/alice', any, { exact: 'alice' }],
    ['*.example/alice', { suffix: '.example' }, { exact: 'alice' }],
    ['*ice', any, { suffix: 'ice' }],
    ['https:*', { prefix: 'https:' }, any],
    // A star that stands at neither end is itself.
    ['iss*/alice', { exact: 'iss*' }, { exact: 'alice' }],
  ] as const) {
    const [iss, sub] = requestPrincipal(value);
    assert.deepEqual([iss.value?.stringMatch, sub.value?.stringMatch], [issuer, subject], value);
  }
});
