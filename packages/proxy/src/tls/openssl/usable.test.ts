import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { before, test } from 'node:test';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '@lateen/testkit';
import { Openssl } from './openssl.ts';
import {
  isKeyOf,
  takesCiphers,
  takesNames,
  whyChainUnusable,
  whyKeyUnusable,
  whyListsUnusable,
  whyRootsUnusable,
  whyUnreadable,
} from './usable.ts';

/** Of an RSA key with 1,024 bits, which OpenSSL does not let a server show. */
const smallCertificate = `-----BEGIN CERTIFICATE-----
MIICBjCCAW+gAwIBAgIUTSl4o2fpTkcNhENaSGTzWJ8p+6gwDQYJKoZIhvcNAQEL
BQAwFTETMBEGA1UEAwwKc21hbGwudGVzdDAeFw0yNjExMjcxMjEyMTRaFw0yNjEx
MjgxMjEyMTRaMBUxEzARBgNVBAMMCnNtYWxsLnRlc3QwgZ8wDQYJKoZIhvcNAQEB
BQADgY0AMIGJAoGBAL/3GUJsxeh6LuZ1Swq9RgWN4gqnqHaPCEZzSuc5HhphAphs
Q5pi2RXVuZWGogWjSiUtKBpqPFfC1GH9kqI5HPTd5sVGBYM1bfntHNCBgGGrli62
EG6SVdUcSTaHdyxdCraPcUqmmEhkmZxNs0R7LwpCcHUX4wMelu2ddICVib4TAgMB
AAGjUzBRMB0GA1UdDgQWBBQWmcQf9ZDdj+77wnnPBoBukqrkpDAfBgNVHSMEGDAW
gBQWmcQf9ZDdj+77wnnPBoBukqrkpDAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3
DQEBCwUAA4GBAI4KWRypWEVZdJSQYIS+0K6HT8FV2jX3sBa/cXG0ZNnQ7zpce0fF
dbYujRXKoC3CfTq5V6zCrzfwR/Y0k5gAzgYVSkNt44xt4JR3V+b46yQveb+OTaiR
m4M+CjfNCnQnGD3sX6wD2cFxDuofAapdzp1itB+EuQ4srq0xKqJTfCdC
-----END CERTIFICATE-----
`;

const openssl = new Openssl();
const bytes = (text: string): Buffer => Buffer.from(text);
let authority: TestAuthority;
let own: TestCertificate;
before(async () => {
  authority = await createTestAuthority();
  own = await (await authority.issueAuthority('Below')).issue({ dns: ['a.test'] });
});

test('a chain that can be shown is told from one that OpenSSL does not let be shown', () => {
  assert.equal(whyChainUnusable(openssl, bytes(own.cert)), undefined);
  assert.equal(whyUnreadable(openssl, bytes(smallCertificate)), undefined);
  assert.match(whyChainUnusable(openssl, bytes(smallCertificate)) ?? '', /ee key too small/);
  assert.match(whyUnreadable(openssl, bytes(own.key)) ?? '', /no start line/);
});

test('a key is usable alone, with its passphrase, and belongs to one certificate', async () => {
  const other = await authority.issue({ dns: ['a.test'] });
  const locked = createPrivateKey(own.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'sesame',
  });
  assert.equal(whyKeyUnusable(openssl, bytes(own.key), undefined), undefined);
  assert.equal(whyKeyUnusable(openssl, bytes(locked), 'sesame'), undefined);
  for (const wrong of [undefined, 'mustard'])
    assert.match(whyKeyUnusable(openssl, bytes(locked), wrong) ?? '', /^error:/);
  assert.match(whyKeyUnusable(openssl, bytes(own.cert), undefined) ?? '', /^error:/);
  assert.equal(isKeyOf(openssl, bytes(own.cert), bytes(locked), 'sesame'), true);
  assert.equal(isKeyOf(openssl, bytes(own.cert), bytes(other.key), undefined), false);
});

test('roots and revocation lists are taken as they are, and nothing is not taken for a list', async () => {
  const { root } = await createTestAuthority();
  assert.equal(whyRootsUnusable(openssl, bytes(`${root}\n${authority.root}\n${root}`)), undefined);
  assert.equal(whyListsUnusable(openssl, bytes(await authority.revoke([own.cert]))), undefined);
  for (const wrong of ['', own.cert]) {
    assert.equal(whyListsUnusable(openssl, bytes(wrong)), 'OpenSSL finds nothing of the kind in it');
  }
});

test('names of algorithms are known by what a context takes', () => {
  assert.ok(takesCiphers(openssl, 'ECDHE-RSA-AES128-GCM-SHA256:NO-SUCH'));
  assert.ok(!takesCiphers(openssl, 'NO-SUCH'));
  assert.ok(takesNames(openssl, 'groups', 'X25519:prime256v1'));
  // A curve that OpenSSL has, for signatures, but that no TLS agrees on.
  assert.ok(!takesNames(openssl, 'groups', 'secp112r1'));
  assert.ok(takesNames(openssl, 'signatureAlgorithms', 'ecdsa_secp256r1_sha256'));
  assert.ok(!takesNames(openssl, 'signatureAlgorithms', 'rsa_of_mine'));
});
