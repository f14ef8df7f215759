import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { silentLogger, systemClock, TestClock } from '@lateen/core';
import { jsonPatch } from '@lateen/kube';
import { CertificateAuthority, selfSignedAuthority } from '../ca/authority.ts';
import { servingCertificate, type ServingCertificate } from '../ca/serving-certificate.ts';
import { defaultInjectionValues } from '../inject/injection-values.ts';
import { webhookServer, type WebhookServer } from './webhook-server.ts';

const host = 'istiod.istio-system.svc';
// Twelve hours behind, so that a certificate made after a renewal is valid now.
const clock = new TestClock(Date.now() - 12 * 3_600_000);
const authority = new CertificateAuthority(selfSignedAuthority('cluster.local', clock.now()), clock);
let certificate: ServingCertificate;
let server: WebhookServer;
let port: number;
let looks = 0;

before(async () => {
  certificate = servingCertificate({ authority, dnsNames: [host], clock, logger: silentLogger });
  server = webhookServer({
    certificate,
    injection: () => ({ mesh: {}, values: defaultInjectionValues }),
    warningsFor: (config) => {
      if (config.metadata.name === 'early') return ++looks < 3 ? ['what it needs is not there yet'] : [];
      return config.metadata.name === 'odd' ? ['it is odd', 'x'.repeat(300)] : [];
    },
    isReady: () => true,
    clock: systemClock,
    logger: silentLogger,
  });
  port = await server.listen({ port: 0, host: '127.0.0.1' });
});

after(async () => {
  certificate.close();
  await server.close();
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

function call(path: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: 'POST',
        ca: authority.root,
        servername: host,
        agent: false,
        headers: { 'content-type': 'application/json', ...headers },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

interface Review {
  apiVersion: string;
  response: {
    uid: string;
    allowed: boolean;
    patch?: string;
    patchType?: string;
    warnings?: string[];
    status?: { code: number; message: string; details: { causes: { field: string; message: string }[] } };
  };
}

async function review(path: string, object: unknown, apiVersion = 'admission.k8s.io/v1'): Promise<Review> {
  const { status, text } = await call(
    path,
    JSON.stringify({
      apiVersion,
      kind: 'AdmissionReview',
      request: { uid: 'u1', operation: 'CREATE', namespace: 'shop', name: 'x', object },
    }),
  );
  assert.equal(status, 200, text);
  return JSON.parse(text) as Review;
}

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'web-', labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'web' }] },
};

test('a pod comes back with a patch that adds its sidecar', async () => {
  const { response, apiVersion } = await review('/inject', pod);
  assert.equal(apiVersion, 'admission.k8s.io/v1');
  assert.equal(response.uid, 'u1');
  assert.equal(response.patchType, 'JSONPatch');
  const patched = jsonPatch(pod, JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString()));
  assert.ok(patched.ok);
  const { spec } = patched.value as { spec: { containers: { name: string }[] } };
  assert.deepEqual(
    spec.containers.map(({ name }) => name),
    ['web', 'istio-proxy'],
  );
});

test('a pod that wants no sidecar is let through as it is', async () => {
  const { response } = await review('/inject', {
    ...pod,
    metadata: { ...pod.metadata, labels: { 'sidecar.istio.io/inject': 'false' } },
  });
  assert.equal(response.allowed, true);
  assert.equal(response.patch, undefined);
});

test('a pod with an annotation that cannot be read is refused by its name', async () => {
  const { response } = await review('/inject', {
    ...pod,
    metadata: { annotations: { 'traffic.sidecar.istio.io/excludeOutboundPorts': 'all' } },
  });
  assert.equal(response.allowed, false);
  assert.match(response.status?.message ?? '', /excludeOutboundPorts.*port numbers/);
});

function virtualService(name: string, spec: unknown): object {
  return { apiVersion: 'networking.istio.io/v1beta1', kind: 'VirtualService', metadata: { name }, spec };
}

test('configuration is refused with every problem and its path', async () => {
  const { response } = await review(
    '/validate',
    virtualService('bad', { hosts: ['a'], http: [{ rout: [], timeout: 'soon' }] }),
  );
  assert.equal(response.allowed, false);
  assert.deepEqual(
    response.status?.details.causes.map(({ field }) => field),
    ['spec.http[0].rout', 'spec.http[0].timeout'],
  );
  assert.match(response.status?.message ?? '', /did you mean route\?/);
});

test('good configuration passes, with warnings where it does not fit the mesh', async () => {
  const spec = { hosts: ['a'], http: [{ route: [{ destination: { host: 'a' } }] }] };
  assert.deepEqual((await review('/validate', virtualService('good', spec))).response.warnings, undefined);
  const { response } = await review('/validate', virtualService('odd', spec), 'admission.k8s.io/v1beta1');
  assert.equal(response.allowed, true);
  assert.equal(response.warnings?.[0], 'it is odd');
  assert.ok((response.warnings?.[1]?.length ?? 999) <= 256);
});

test('nobody is warned of what is only still on its way', async () => {
  const { response } = await review(
    '/validate',
    virtualService('early', { hosts: ['a'], http: [{ route: [{ destination: { host: 'a' } }] }] }),
  );
  assert.equal(response.warnings, undefined);
  assert.equal(looks, 3);
});

test('what is no review is refused with what is expected', async () => {
  assert.equal((await call('/elsewhere', '{}')).status, 404);
  assert.equal((await call('/validate', 'x', { 'content-type': 'text/plain' })).status, 415);
  const broken = await call('/validate', '{');
  assert.equal(broken.status, 400);
  assert.match(broken.text, /AdmissionReview/);
  assert.equal((await call('/validate', '{"kind":"AdmissionReview","apiVersion":"v2"}')).status, 400);
});

test('a body that is too large is refused without being read to its end', async () => {
  const outcome = await call('/validate', '', { 'content-length': String(9 * 1024 * 1024) }).catch(
    () => undefined,
  );
  assert.ok(outcome === undefined || outcome.status === 413);
});

test('connections made after a renewal see the new certificate', async () => {
  const old = certificate.current.certificateChain;
  clock.advance(12 * 3_600_000);
  assert.notEqual(certificate.current.certificateChain, old);
  assert.equal((await call('/validate', '{')).status, 400);
});
