import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { silentLogger, TestClock } from '@lateen/core';
import { createChannel, createGrpcServer, type Channel, type GrpcServer } from '@lateen/protocol/grpc';
import { IstioCertificateService } from '@lateen/protocol/istio/v1/auth';
import type { KubeClient } from '@lateen/kube';
import { CertificateAuthority, selfSignedAuthority } from './authority.ts';
import { registerCertificateService } from './certificate-service.ts';
import { tokenAuthenticator } from './token-authenticator.ts';

const clock = new TestClock(Date.now());
const authority = new CertificateAuthority(selfSignedAuthority('cluster.local', clock.now()), clock);
const csr = execFileSync(
  'openssl',
  [
    'req',
    '-new',
    '-nodes',
    '-keyout',
    '/dev/null',
    '-subj',
    '/O=x',
    '-newkey',
    'rsa:2048',
    '-addext',
    'subjectAltName=URI:spiffe://cluster.local/ns/kube-system/sa/admin',
  ],
  { encoding: 'utf8', stdio: 'pipe' },
);

let reviews = 0;
let apiServerAnswers = true;
/** An API server that knows the tokens `NAMESPACE/ACCOUNT` for audience istio-ca, and `old/token` for another. */
const client = {
  raw(_method: string, _path: string, body: { spec: { token: string } }) {
    reviews++;
    if (!apiServerAnswers) return Promise.reject(new Error('connect ECONNREFUSED'));
    const [namespace, account] = body.spec.token.split('/');
    if (account === undefined)
      return Promise.resolve({ status: { authenticated: false, error: 'unknown token' } });
    return Promise.resolve({
      status: {
        authenticated: true,
        audiences: namespace === 'old' ? ['https://kubernetes.default.svc'] : ['istio-ca'],
        user: { username: `system:serviceaccount:${namespace}:${account}` },
      },
    });
  },
} as unknown as KubeClient;

let server: GrpcServer;
let channel: Channel;
let plain: Channel;

before(async () => {
  server = createGrpcServer();
  registerCertificateService(server, {
    authority: () => authority,
    authenticate: tokenAuthenticator({ client, audiences: ['istio-ca'], clock, logger: silentLogger }),
    trustDomain: 'cluster.local',
    logger: silentLogger,
  });
  const pair = authority.issueServer(['istiod.istio-system.svc'], 3_600_000);
  const secure = await server.listen({
    host: '127.0.0.1',
    tls: { cert: pair.certificateChain, key: pair.privateKey },
  });
  const open = await server.listen({ host: '127.0.0.1' });
  channel = createChannel({
    target: { host: '127.0.0.1', port: secure.port },
    tls: { ca: authority.root, serverName: 'istiod.istio-system.svc' },
  });
  plain = createChannel({ target: { host: '127.0.0.1', port: open.port } });
});

after(async () => {
  channel.close();
  plain.close();
  await server.close();
});

function ask(token: string | undefined, over: Channel = channel, request = csr): Promise<readonly string[]> {
  const metadata = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return over
    .unary(IstioCertificateService.createCertificate, { csr: request, validityDuration: 3600 }, { metadata })
    .then(({ certChain }) => certChain ?? []);
}

test('a workload gets the identity of its token, whatever its request says', async () => {
  const [leaf = '', root] = await ask('default/bookinfo-reviews');
  const certificate = new X509Certificate(leaf);
  assert.equal(certificate.subjectAltName, 'URI:spiffe://cluster.local/ns/default/sa/bookinfo-reviews');
  assert.equal(certificate.validToDate.getTime(), Math.floor((clock.now() + 3_600_000) / 1000) * 1000);
  assert.equal(root, authority.root);
});

test('callers without a good token are refused', async () => {
  await assert.rejects(ask(undefined), { code: 'UNAUTHENTICATED' });
  await assert.rejects(ask('nonsense'), { code: 'UNAUTHENTICATED', message: /unknown token/ });
  await assert.rejects(ask('old/token'), { code: 'UNAUTHENTICATED', message: /not meant for istio-ca/ });
});

test('nothing is signed over a connection without TLS', async () => {
  await assert.rejects(ask('default/a', plain), { code: 'UNAUTHENTICATED', message: /over TLS/ });
});

test('a request that cannot be read is the caller’s fault', async () => {
  await assert.rejects(ask('default/a', channel, 'x'), { code: 'INVALID_ARGUMENT', message: /PEM/ });
});

test('a good token is reviewed once a minute, and an API server that is away is no refusal', async () => {
  await ask('default/once');
  const before = reviews;
  await ask('default/once');
  assert.equal(reviews, before);
  apiServerAnswers = false;
  await ask('default/once');
  await assert.rejects(ask('default/other'), { code: 'UNAVAILABLE' });
  clock.advance(60_001);
  await assert.rejects(ask('default/once'), { code: 'UNAVAILABLE' });
  apiServerAnswers = true;
  await ask('default/once');
});
