import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { CertificateAuthority, selfSignedAuthority } from './authority.ts';
import { issueCertificate, subjectAndKeyOf, subjectOf } from './certificate.ts';

const clock = new TestClock(Date.now());
const hourMs = 3_600_000;
const id = 'spiffe://cluster.local/ns/default/sa/bookinfo-reviews';

function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function opensslVerifies(root: string, chain: readonly string[], leaf: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-ca-'));
  try {
    writeFileSync(join(dir, 'root.pem'), root);
    writeFileSync(join(dir, 'chain.pem'), chain.join(''));
    writeFileSync(join(dir, 'leaf.pem'), leaf);
    const untrusted = chain.length > 0 ? ['-untrusted', 'chain.pem'] : [];
    return execFileSync(
      'openssl',
      ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'root.pem', ...untrusted, 'leaf.pem'],
      { cwd: dir, encoding: 'utf8', stdio: 'pipe' },
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('a workload certificate carries its identity only and verifies up to the root', () => {
  const authority = new CertificateAuthority(selfSignedAuthority('cluster.local', clock.now()), clock);
  const { publicKey } = newKey();
  const chain = authority.issueWorkload(publicKey, id, 24 * hourMs);
  assert.equal(chain.length, 2);
  assert.equal(chain[1], authority.root);
  const leaf = new X509Certificate(chain[0]!);
  assert.equal(leaf.subjectAltName, `URI:${id}`);
  assert.equal(leaf.subject ?? '', '');
  assert.equal(leaf.ca, false);
  assert.ok(leaf.verify(new X509Certificate(authority.root).publicKey));
  assert.equal(leaf.validToDate.getTime(), Math.floor((clock.now() + 24 * hourMs) / 1000) * 1000);
  assert.ok(leaf.validFromDate.getTime() < clock.now());
  assert.match(opensslVerifies(authority.root, [], chain[0]!), /OK/);
});

test('a CA below a root sends what leads to the root', () => {
  const root = selfSignedAuthority('root.example', clock.now());
  const rootCertificate = new X509Certificate(root.certificate);
  const intermediateKey = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const intermediate = issueCertificate(
    {
      publicKey: intermediateKey.publicKey,
      organization: 'mesh',
      names: [],
      notBeforeMs: clock.now() - 1000,
      notAfterMs: clock.now() + 48 * hourMs,
      isCa: true,
    },
    { privateKey: createPrivateKey(root.privateKey), ...subjectAndKeyOf(rootCertificate.raw) },
  );
  const authority = new CertificateAuthority(
    {
      certificate: intermediate,
      privateKey: intermediateKey.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      intermediates: intermediate + root.certificate,
      root: root.certificate,
    },
    clock,
  );
  const [leaf = '', ...rest] = authority.issueWorkload(newKey().publicKey, id, 24 * hourMs);
  assert.equal(rest.length, 2, 'the CA and the root, each once');
  assert.match(opensslVerifies(root.certificate, rest.slice(0, -1), leaf), /OK/);
});

test('a certificate never outlives its CA', () => {
  const material = selfSignedAuthority('cluster.local', clock.now() - 3649.5 * 24 * hourMs);
  const authority = new CertificateAuthority(material, clock);
  const leaf = new X509Certificate(authority.issueWorkload(newKey().publicKey, id, 24 * hourMs)[0]!);
  assert.equal(leaf.validToDate.getTime(), authority.notAfterMs);
});

test('a server certificate holds the names of the Service and a key of its own', () => {
  const authority = new CertificateAuthority(selfSignedAuthority('cluster.local', clock.now()), clock);
  const pair = authority.issueServer(['istiod.istio-system.svc', 'istiod.istio-system'], hourMs);
  const leaf = new X509Certificate(pair.certificateChain);
  assert.equal(leaf.subjectAltName, 'DNS:istiod.istio-system.svc, DNS:istiod.istio-system');
  assert.ok(leaf.checkPrivateKey(createPrivateKey(pair.privateKey)));
  assert.ok(leaf.checkHost('istiod.istio-system.svc'));
});

test('a key and a certificate that do not belong together are refused', () => {
  const one = selfSignedAuthority('a', clock.now());
  const other = selfSignedAuthority('b', clock.now());
  assert.throws(
    () => new CertificateAuthority({ ...one, privateKey: other.privateKey }, clock),
    /not that of/,
  );
  assert.throws(() => new CertificateAuthority({ ...one, root: '' }, clock), /root certificate is missing/);
  assert.throws(() => new CertificateAuthority({ ...one, certificate: 'x' }, clock), /cannot be read/);
});

test('times after 2049 are written in the form that RFC 5280 asks for', () => {
  const { publicKey, privateKey } = newKey();
  const far = Date.UTC(2060, 0, 2, 3, 4, 5);
  const pem = issueCertificate(
    { publicKey, organization: 'x', names: [], notBeforeMs: clock.now(), notAfterMs: far, isCa: true },
    { privateKey, subject: subjectOf('x'), spki: publicKey.export({ type: 'spki', format: 'der' }) },
  );
  assert.equal(new X509Certificate(pem).validToDate.getTime(), far);
});
