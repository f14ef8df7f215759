import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createTestAuthority } from '@lateen/testkit';
import { Certificate, certificateEndMs } from './certificate.ts';
import { loadLibrary } from './functions.ts';

const library = loadLibrary();

/** A certificate signed by itself, PEM. */
function selfSigned(t: TestContext, ...more: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-certificate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'cert.pem');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-keyout', join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-nodes', '-utf8', ...key, '-out', file, ...more], {
    stdio: 'pipe',
  });
  return readFileSync(file);
}

function read(pem: Buffer | string): Certificate {
  const certificate = Certificate.fromPem(library, Buffer.from(pem));
  assert.ok(certificate !== undefined);
  return certificate;
}

test('names are read by their kind, whatever characters are in them', (t) => {
  const names = [
    'URI:spiffe://cluster.local/ns/a/sa/b',
    'DNS:a.example',
    'DNS:*.b.example',
    'email:a@b.example',
    'IP:10.1.2.3',
    'IP:2001:db8::1:0:0:2',
    'IP:::ffff:10.0.0.1',
    'RID:1.2.3.4',
    'otherName:1.2.3.4;UTF8:no kind of ours',
  ];
  const pem = selfSigned(t, '-subj', '/CN=x', '-addext', `subjectAltName=${names.join(',')}`);
  assert.deepEqual(read(pem).names, {
    uri: ['spiffe://cluster.local/ns/a/sa/b'],
    dns: ['a.example', '*.b.example'],
    email: ['a@b.example'],
    ip: ['10.1.2.3', '2001:db8::1:0:0:2', '::ffff:10.0.0.1'],
  });
  // Octets of an IA5String: what would look like another name in a text of names, and a NUL.
  const odd = 'subjectAltName=DER:3016820961 2C 444E533A62 2022 82 0361 00 62 82 00 82 02 E9 21'.replaceAll(
    ' ',
    '',
  );
  assert.deepEqual(read(selfSigned(t, '-subj', '/CN=x', '-addext', odd)).names?.dns, [
    'a,DNS:b "',
    'a\0b',
    '',
    '\u00e9!',
  ]);
});

test('a certificate without names, and one whose names cannot be read, has none', (t) => {
  assert.equal(read(selfSigned(t, '-subj', '/CN=x')).names, undefined);
  const broken = 'subjectAltName=DER:30058209616263';
  assert.equal(read(selfSigned(t, '-subj', '/CN=x', '-addext', broken)).names, undefined);
});

test('a subject is written as RFC 2253 has it', (t) => {
  const subjectOf = (subject: string): string => read(selfSigned(t, '-subj', subject)).subject;
  assert.equal(
    subjectOf('/O=Lateen/OU=Mesh/CN=say "hi", a\\+b'),
    'CN=say \\"hi\\"\\, a\\+b,OU=Mesh,O=Lateen',
  );
  assert.equal(subjectOf('/CN=Zoë'), 'CN=Zo\\C3\\AB');
  assert.equal(subjectOf('/'), '');
});

test('its end, its hashes, its common name and the curve of its key are those that Node reads', async (t) => {
  const authority = await createTestAuthority();
  const pems = [
    selfSigned(t, '-subj', '/O=x/CN=Zoë/CN=second', '-days', '400'),
    selfSigned(t, '-subj', '/'),
    // The time is written in another form from 2050 on (RFC 5280, section 4.1.2.5).
    selfSigned(t, '-subj', '/CN=y', '-days', '20000'),
    ...(await Promise.all(
      (['P-256', 'P-384', 'RSA'] as const).map(async (key) =>
        Buffer.from((await authority.issue({ dns: ['a'], key })).cert),
      ),
    )),
  ];
  for (const pem of pems) {
    const node = new X509Certificate(pem);
    const own = read(pem);
    assert.deepEqual(own.der, node.raw);
    assert.equal(certificateEndMs(library.functions, pem), Date.parse(node.validTo));
    assert.equal(own.fingerprint, node.fingerprint256.replaceAll(':', '').toLowerCase());
    const key = node.publicKey.export({ type: 'spki', format: 'der' });
    assert.equal(own.keyFingerprint, createHash('sha256').update(key).digest('base64'));
    assert.equal(own.commonName, /^CN=(.+)$/m.exec(node.subject ?? '')?.[1]);
    assert.equal(own.curve, node.publicKey.asymmetricKeyDetails?.namedCurve);
  }
});

test('what is no certificate is none, and leaves no error behind', () => {
  for (const text of ['', 'x', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n']) {
    assert.equal(Certificate.fromPem(library, Buffer.from(text)), undefined);
    assert.equal(certificateEndMs(library.functions, Buffer.from(text)), undefined);
    assert.equal(library.functions.ERR_get_error(), 0);
  }
});
