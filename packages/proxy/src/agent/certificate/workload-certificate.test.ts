import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestClock, silentLogger, systemClock } from '@lateen/core';
import { createTestAuthority } from '@lateen/testkit';
import { createChannel, createGrpcServer, GrpcError } from '@lateen/protocol/grpc';
import { IstioCertificateService } from '@lateen/protocol/istio/v1/auth';
import { EventEmitter } from 'node:events';
import type { Secret } from '../../model/index.ts';
import { createSigningRequest } from './signing-request.ts';
import { keptCertificate, type KeptCertificate } from './kept-certificate.ts';
import { WorkloadCertificate } from './workload-certificate.ts';

const spiffeId = 'spiffe://cluster.local/ns/default/sa/bookinfo';

test('the request is one that OpenSSL reads, is signed by its own key, and names only the identity', () => {
  const { csr, privateKey } = createSigningRequest(spiffeId);
  const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
    input: csr,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  assert.match(
    text,
    /Subject Alternative Name: critical\s+URI:spiffe:\/\/cluster\.local\/ns\/default\/sa\/bookinfo/,
  );
  assert.match(text, /ASN1 OID: prime256v1/);
  assert.match(privateKey, /^-----BEGIN PRIVATE KEY-----/);
});

/** An authority over real gRPC; counts what it was asked and answers with the test's certificate. */
async function harness(failures = 0, kept?: KeptCertificate) {
  const authority = await createTestAuthority();
  const leaf = await authority.issue({ uris: [spiffeId] });
  const asked: string[] = [];
  const server = createGrpcServer();
  server.unary(IstioCertificateService.createCertificate, (request, call) => {
    asked.push(`${call.metadata['authorization']} ${request.validityDuration}`);
    if (asked.length <= failures) throw new GrpcError('UNAVAILABLE', 'not yet');
    return { certChain: [leaf.cert, authority.root] };
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const channel = createChannel({
    target: { host: '127.0.0.1', port },
    metadata: () => ({ authorization: 'Bearer token' }),
    clock: systemClock,
  });
  const events = new EventEmitter();
  const clock = new TestClock(Date.now());
  const certificate = new WorkloadCertificate({
    caller: channel,
    spiffeId,
    kept,
    ttlMs: 86_400_000,
    extraRoots: () => authority.root,
    clock,
    log: { ...silentLogger, warn: () => events.emit('failed') },
    publish: (secrets) => events.emit('published', secrets),
    random: () => 0.5,
  });
  const close = async () => {
    certificate.close();
    channel.close();
    await server.close();
  };
  return { asked, certificate, clock, events, authority, leaf, close };
}

test('the certificate and its root are published, and the next is asked for before half of the life is over', async () => {
  const h = await harness();
  const published = once(h.events, 'published');
  h.certificate.start();
  h.certificate.start();
  const [secrets] = (await published) as [readonly Secret[]];
  assert.deepEqual(h.asked, ['Bearer token 86400']);
  const [own, root] = secrets;
  assert.ok(own?.kind === 'certificate' && own.certificate.chain.kind === 'inline');
  assert.equal(Buffer.from(own.certificate.chain.bytes).toString().trim(), h.leaf.cert.trim());
  assert.ok(root?.kind === 'validation' && root.validation.trustedCa?.kind === 'inline');
  assert.equal(Buffer.from(root.validation.trustedCa.bytes).toString().trim(), h.authority.root.trim());

  const again = once(h.events, 'published');
  h.clock.advance(3_600_000 * 0.46);
  await again;
  assert.equal(h.asked.length, 2);
  await h.close();
});

test('an authority that fails is asked again with back-off', async () => {
  const h = await harness(2);
  const failed = once(h.events, 'failed');
  h.certificate.start();
  await failed;
  const failedAgain = once(h.events, 'failed');
  h.clock.advance(1_000);
  await failedAgain;
  const published = once(h.events, 'published');
  h.clock.advance(1_000);
  await published;
  assert.equal(h.certificate.state.kind, 'valid');
  await h.close();
});

test('the certificate of the last run is used until another one is issued, unless it has expired or is of somebody else', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-certificate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const kept = keptCertificate(folder);
  const first = await harness(0, kept);
  const issued = once(first.events, 'published');
  first.certificate.start();
  const [[before]] = (await issued) as [readonly Secret[]];
  await first.close();
  const written = kept.read() ?? assert.fail();
  const [file = ''] = readdirSync(folder);
  assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600);

  const alone = await harness(Number.POSITIVE_INFINITY, kept);
  const restored = once(alone.events, 'published');
  const failed = once(alone.events, 'failed');
  alone.certificate.start();
  const [[after]] = (await restored) as [readonly Secret[]];
  assert.deepEqual(after, before);
  await failed;
  assert.equal(alone.asked.length, 1);
  await alone.close();

  const late = await harness(Number.POSITIVE_INFINITY, kept);
  late.events.on('published', () => assert.fail('it has expired'));
  late.clock.advance(10 * 365 * 86_400_000);
  late.certificate.start();
  assert.deepEqual(readdirSync(folder), []);
  await late.close();

  kept.write({ ...written, spiffeId: 'spiffe://cluster.local/ns/default/sa/other' });
  const other = await harness(Number.POSITIVE_INFINITY, kept);
  other.events.on('published', () => assert.fail('it is of another'));
  other.certificate.start();
  assert.deepEqual(readdirSync(folder), []);
  await other.close();
});
