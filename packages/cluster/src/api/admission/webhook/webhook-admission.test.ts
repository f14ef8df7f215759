import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import type { KubeObject } from '@lateen/kube';
import { issueAuthority, issueLeaf, type KeyPair } from '../../auth/issue-certificates.ts';
import { startTestServer, type HttpAnswer, type TestServer } from '../../testing/api-server.ts';

interface Review {
  readonly apiVersion: string;
  readonly request: {
    readonly uid: string;
    readonly operation: string;
    readonly namespace: string;
    readonly kind: { readonly group: string; readonly version: string };
    readonly object: KubeObject | null;
    readonly oldObject: KubeObject | null;
    readonly userInfo: { readonly username: string };
  };
}

let api: TestServer;
let hook: Server;
let authority: KeyPair;
let seen: Review[] = [];
/** What the webhook answers, beside the uid. */
let respond: (review: Review) => object = () => ({ allowed: true });

before(async () => {
  api = await startTestServer();
  authority = issueAuthority('hooks', Date.now());
  const leaf = issueLeaf(
    authority,
    'hook',
    { kind: 'server', dnsNames: ['localhost'], addresses: ['127.0.0.1'] },
    Date.now(),
  );
  hook = createServer({ cert: leaf.certificate, key: leaf.key }, (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
      seen.push(review);
      const answer = {
        apiVersion: review.apiVersion,
        kind: 'AdmissionReview',
        response: { uid: review.request.uid, ...respond(review) },
      };
      response.end(JSON.stringify(answer));
    });
  });
  hook.listen(0, '127.0.0.1');
  await once(hook, 'listening');
});

after(async () => {
  hook.close();
  hook.closeAllConnections();
  await api.close();
});

beforeEach(() => {
  seen = [];
  respond = () => ({ allowed: true });
});

const group = '/apis/admissionregistration.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';

async function register(kind: 'Mutating' | 'Validating', webhook: object, name = 'test'): Promise<void> {
  const { port } = hook.address() as AddressInfo;
  const configuration = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks: [
      {
        name: 'hook.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        clientConfig: {
          url: `https://localhost:${port}/check`,
          caBundle: Buffer.from(authority.certificate).toString('base64'),
        },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['configmaps'] }],
        ...webhook,
      },
    ],
  };
  const answer = await api.call('POST', `${group}/${kind.toLowerCase()}webhookconfigurations`, configuration);
  assert.equal(answer.status, 201, answer.text);
}

async function withWebhook(
  kind: 'Mutating' | 'Validating',
  webhook: object,
  run: () => Promise<void>,
): Promise<void> {
  await register(kind, webhook);
  try {
    await run();
  } finally {
    await api.call('DELETE', `${group}/${kind.toLowerCase()}webhookconfigurations/test`);
  }
}

let names = 0;
function create(extra: object = {}, query = ''): Promise<HttpAnswer> {
  const metadata = { name: `object-${names++}` };
  return api.call('POST', `${configMaps}${query}`, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    ...extra,
  });
}

function patchAnswer(...operations: object[]): object {
  return {
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
  };
}

test('a mutating webhook sees the object and changes it before it is stored', async () => {
  await withWebhook('Mutating', {}, async () => {
    respond = () => patchAnswer({ op: 'add', path: '/data', value: { injected: 'yes' } });
    const made = await create();
    assert.deepEqual(made.body['data'], { injected: 'yes' });
    const [review] = seen;
    assert.equal(review?.apiVersion, 'admission.k8s.io/v1');
    assert.equal(review?.request.operation, 'CREATE');
    assert.equal(review?.request.namespace, 'default');
    assert.equal(review?.request.userInfo.username, 'kubernetes-admin');
    assert.equal(review?.request.object?.metadata.name, made.body.metadata.name);
    assert.equal(review?.request.oldObject, null);
  });
});

test('a container that a webhook adds to a pod gets the token too, and the defaults', async () => {
  const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }];
  await withWebhook('Mutating', { rules }, async () => {
    respond = () =>
      patchAnswer({ op: 'add', path: '/spec/containers/0', value: { name: 'sidecar', image: 'sidecar:1' } });
    const pod = { metadata: { name: 'injected' }, spec: { containers: [{ name: 'app', image: 'app:1' }] } };
    const made = await api.call('POST', '/api/v1/namespaces/default/pods', pod);
    const { containers } = made.body['spec'] as {
      containers: { name: string; imagePullPolicy: string; volumeMounts: { name: string }[] }[];
    };
    const [sidecar, app] = containers;
    assert.deepEqual([sidecar?.name, sidecar?.imagePullPolicy], ['sidecar', 'IfNotPresent']);
    assert.match(app?.volumeMounts[0]?.name ?? '', /^kube-api-access-/);
    assert.deepEqual(sidecar?.volumeMounts, app?.volumeMounts);
  });
});

test('what a webhook makes of an object must still be valid', async () => {
  await withWebhook('Mutating', {}, async () => {
    respond = () => patchAnswer({ op: 'add', path: '/data', value: { 'not a key': 'x' } });
    const refused = await create();
    assert.equal(refused.status, 422);
    assert.match(String(refused.body['message']), /data\[not a key\]: Invalid value/);
  });
});

test('a validating webhook refuses with its own words and code', async () => {
  await withWebhook('Validating', {}, async () => {
    respond = () => ({
      allowed: false,
      status: { code: 403, reason: 'Forbidden', message: 'not on a Friday' },
    });
    const refused = await create();
    assert.equal(refused.status, 403);
    assert.equal(
      refused.body['message'],
      'admission webhook "hook.example.com" denied the request: not on a Friday',
    );
  });
});

test('an update shows both states, and a deletion the one that goes', async () => {
  const made = await create({ data: { a: '1' } });
  const path = `${configMaps}/${made.body.metadata.name}`;
  await withWebhook('Validating', {}, async () => {
    await api.call('PUT', path, { ...made.body, data: { a: '2' } });
    await api.call('DELETE', path);
  });
  assert.deepEqual(
    seen.map(({ request }) => [request.operation, request.oldObject?.['data'], request.object?.['data']]),
    [
      ['UPDATE', { a: '1' }, { a: '2' }],
      ['DELETE', { a: '2' }, undefined],
    ],
  );
});

test('selectors of namespace and object decide who is asked', async () => {
  await withWebhook('Validating', { namespaceSelector: { matchLabels: { hooked: 'yes' } } }, async () => {
    await create();
    assert.equal(seen.length, 0);
    const label = { metadata: { labels: { hooked: 'yes' } } };
    const merge = { 'content-type': 'application/merge-patch+json' };
    await api.call('PATCH', '/api/v1/namespaces/default', label, merge);
    await create();
    assert.equal(seen.length, 1);
  });
  await withWebhook(
    'Validating',
    { objectSelector: { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] } },
    async () => {
      seen = [];
      await create({ metadata: { name: `object-${names++}`, labels: { skip: 'me' } } });
      assert.equal(seen.length, 0);
      await create();
      assert.equal(seen.length, 1);
    },
  );
});

test('an object in another version is shown in the one that the webhook asks for', async () => {
  const rules = [
    { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['deployments'] },
  ];
  await withWebhook('Validating', { rules }, async () => {
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const old = {
      apiVersion: 'extensions/v1beta1',
      kind: 'Deployment',
      metadata: { name: 'old' },
      spec: { template },
    };
    const made = await api.call('POST', '/apis/extensions/v1beta1/namespaces/default/deployments', old);
    assert.equal(made.status, 201, made.text);
    assert.deepEqual(seen[0]?.request.kind, { group: 'apps', version: 'v1', kind: 'Deployment' });
    assert.equal(seen[0]?.request.object?.apiVersion, 'apps/v1');
  });
});

test('a webhook that is down refuses writes or lets them pass, as its failure policy says', async () => {
  const nobody = { clientConfig: { url: 'https://127.0.0.1:1/check' } };
  await withWebhook('Validating', nobody, async () => {
    const refused = await create();
    assert.equal(refused.status, 500);
    assert.match(
      String(refused.body['message']),
      /^Internal error occurred: failed calling webhook "hook\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:1\/check\?timeout=10s": dial tcp 127\.0\.0\.1:1: connect: connection refused/,
    );
  });
  await withWebhook('Validating', { ...nobody, failurePolicy: 'Ignore' }, async () => {
    assert.equal((await create()).status, 201);
  });
});

test('a webhook with a certificate that its CA bundle does not vouch for is not believed', async () => {
  const other = issueAuthority('other', Date.now());
  const { port } = hook.address() as AddressInfo;
  const clientConfig = {
    url: `https://localhost:${port}/`,
    caBundle: Buffer.from(other.certificate).toString('base64'),
  };
  await withWebhook('Validating', { clientConfig }, async () => {
    const refused = await create();
    assert.equal(refused.status, 500);
    assert.match(String(refused.body['message']), /x509|certificate/);
    assert.equal(seen.length, 0);
  });
});

test('a service without endpoints is named', async () => {
  const service = { name: 'hook', namespace: 'default', path: '/inject' };
  await withWebhook('Validating', { clientConfig: { service } }, async () => {
    assert.match(String((await create()).body['message']), /service "hook" not found/);
    const ports = [{ port: 443, targetPort: 15017 }];
    await api.call('POST', '/api/v1/namespaces/default/services', {
      metadata: { name: 'hook' },
      spec: { ports },
    });
    assert.match(String((await create()).body['message']), /no endpoints available for service "hook"/);
  });
});

test('warnings reach the client, and a dry run only those webhooks that have no side effects', async () => {
  await withWebhook('Validating', {}, async () => {
    respond = () => ({ allowed: true, warnings: ['think again'] });
    assert.match(String((await create({}, '?dryRun=All')).headers['warning']), /299 - "think again"/);
  });
  await withWebhook('Validating', { sideEffects: 'Some' }, async () => {
    const refused = await create({}, '?dryRun=All');
    assert.match(String(refused.body['message']), /does not support dry run/);
  });
});

test('an answer that makes no sense counts as a failure', async () => {
  await withWebhook('Validating', {}, async () => {
    respond = () => ({ uid: 'of another call', allowed: true });
    assert.match(String((await create()).body['message']), /expected response\.uid=/);
  });
  await withWebhook('Mutating', {}, async () => {
    respond = () => patchAnswer({ op: 'remove', path: '/nothing' });
    assert.match(String((await create()).body['message']), /sent a patch that cannot be applied/);
  });
});
