import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeySet } from './key-set.ts';
import { createIssuer, type TestAlgorithm } from './testing/issuer.ts';
import { parseToken, type Token } from './token.ts';

function tokenOf(text: string): Token {
  const token = parseToken(text);
  assert.ok(typeof token === 'object');
  return token;
}

test('tokens of every algorithm are verified by the keys of their issuer and by no others', () => {
  for (const algorithm of ['RS256', 'PS384', 'ES256', 'ES512', 'EdDSA'] satisfies TestAlgorithm[]) {
    const [issuer, other] = [createIssuer(algorithm), createIssuer(algorithm)];
    const token = tokenOf(issuer.token({ sub: 'jason' }));
    assert.equal(KeySet.parse(issuer.jwks)?.verify(token), undefined, algorithm);
    assert.equal(KeySet.parse(other.jwks)?.verify(token), 'Jwt verification fails', algorithm);
  }
});

test('a token does not choose how a key is read', () => {
  const keys = KeySet.parse(createIssuer('RS256').jwks);
  const ofCurve = tokenOf(createIssuer('ES256').token({}));
  assert.match(keys?.verify(ofCurve) ?? '', /^Jwks doesn't have key/);
  const other = tokenOf(createIssuer('RS256', 'key-2').token({}));
  assert.match(keys?.verify(other) ?? '', /^Jwks doesn't have key/);
  assert.equal(KeySet.parse('{"keys":[]}'), undefined);
  assert.equal(KeySet.parse('{}'), undefined);
  assert.equal(KeySet.parse('keys'), undefined);
});

test('what is wrong with the form of a token is told in words', () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const good = part({ alg: 'ES256' });
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /two dots/],
    ['a.b', /two dots/],
    ['a.b.c.d', /two dots/],
    ['!.b.c', /header is an invalid Base64url/],
    [`${part([])}.b.c`, /header is an invalid JSON/],
    [`${part({})}.b.c`, /\[alg\] field is required/],
    [`${part({ alg: 'none' })}.e30.`, /\[alg\] is not supported/],
    [`${part({ alg: 'HS256' })}.e30.c`, /\[alg\] is not supported/],
    [`${part({ alg: 'ES256', kid: 1 })}.e30.c`, /\[kid\] field must be a string/],
    [`${good}.?.cc`, /payload is an invalid Base64url/],
    [`${good}.${part('text')}.cc`, /payload is an invalid JSON/],
    [`${good}.e30.=`, /signature is an invalid Base64url/],
  ];
  for (const [text, expected] of cases) {
    const failure = parseToken(text);
    assert.ok(typeof failure === 'string', text);
    assert.match(failure, expected, text);
  }
});

test('no change of a token is accepted, and nothing makes the parser throw', () => {
  const issuer = createIssuer();
  const keys = KeySet.parse(issuer.jwks);
  const text = issuer.token({ sub: 'jason', admin: false });
  const signatureAt = text.lastIndexOf('.');
  fc.assert(
    fc.property(
      fc.nat(text.length - 1),
      fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'),
      (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        const token = parseToken(changed);
        if (changed === text || typeof token === 'string') return;
        // The last character of a signature has bits that stand for nothing.
        if (at > signatureAt && token.signature.equals(tokenOf(text).signature)) return;
        assert.ok(keys?.verify(token) !== undefined, changed);
      },
    ),
  );
  fc.assert(fc.property(fc.string(), (any) => void parseToken(any)));
});
