import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { readClientHello, type HelloParts } from './client-hello.ts';

function parts(cipherSuites: string, extensions: Readonly<Record<number, string>>): HelloParts {
  return {
    cipherSuites: Buffer.from(cipherSuites, 'hex'),
    extension: (type) => Buffer.from(extensions[type] ?? '', 'hex'),
  };
}

test('the curves that a client can verify are told by its signature algorithms, before TLS 1.3 by groups and suites', () => {
  const signatures = '0006040308040603';
  const groups = '0006001d00170018';
  assert.deepEqual(readClientHello(parts('1301', { 13: signatures, 43: '020304' })).ecdsaCurves, [
    'P-256',
    'P-521',
  ]);
  assert.deepEqual(readClientHello(parts('c02bc02f', { 10: groups, 13: signatures })).ecdsaCurves, [
    'P-256',
    'P-384',
  ]);
  assert.deepEqual(readClientHello(parts('c02f', { 10: groups, 13: signatures })).ecdsaCurves, []);
  assert.deepEqual(readClientHello(parts('c02b', { 13: signatures })).ecdsaCurves, []);
});

test('a server name is read in lower case; what is no message gives no name and no curve, and never throws', () => {
  const name = Buffer.from('A.Test').toString('hex');
  assert.equal(readClientHello(parts('', { 0: `0009000006${name}` })).serverName, 'a.test');
  assert.deepEqual(readClientHello(parts('', { 0: '00', 5: '0100000000' })), {
    serverName: '',
    ecdsaCurves: [],
    wantsStatus: true,
  });
  assert.deepEqual(readClientHello(parts('c0', { 0: '0000010000', 10: '00', 13: '0', 43: '00' })), {
    serverName: '',
    ecdsaCurves: [],
    wantsStatus: false,
  });
  for (let i = 0; i < 2_000; i++) {
    const bytes = randomBytes(i % 23);
    const { serverName } = readClientHello({ cipherSuites: bytes, extension: () => bytes });
    assert.ok(serverName.length <= bytes.length);
  }
});
