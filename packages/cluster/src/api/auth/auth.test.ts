import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { resources, type KubeObject } from '@lateen/kube';
import { startTestServer, type TestServer } from '../testing/api-server.ts';
import { ensureCredentials } from './credentials.ts';
import { leafLifeMs } from './issue-certificates.ts';
import { ruleAllows, type AccessRequest } from './policy-rules.ts';

let api: TestServer;

function noOpenssl(): string | false {
  return spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl on this machine';
}

before(async () => {
  api = await startTestServer();
});
after(() => api.close());

const tokenPath = '/api/v1/namespaces/default/serviceaccounts/default/token';
const reviews = '/apis/authentication.k8s.io/v1/tokenreviews';

async function issueToken(spec: object = {}): Promise<string> {
  const answer = await api.call('POST', tokenPath, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    spec,
  });
  assert.equal(answer.status, 201, answer.text);
  return (answer.body['status'] as { token: string }).token;
}

async function review(token: string, audiences?: string[]): Promise<Record<string, unknown>> {
  const spec = { token, ...(audiences === undefined ? {} : { audiences }) };
  const answer = await api.call('POST', reviews, {
    kind: 'TokenReview',
    apiVersion: 'authentication.k8s.io/v1',
    spec,
  });
  assert.equal(answer.status, 201, answer.text);
  return answer.body['status'] as Record<string, unknown>;
}

describe('who calls', () => {
  test('nobody may see the version and the health, and nothing else', async () => {
    for (const path of ['/version', '/healthz', '/livez', '/readyz']) {
      assert.equal((await api.anonymous('GET', path)).status, 200);
    }
    for (const path of ['/api', '/apis', '/api/v1/namespaces', '/openapi/v3', '/metrics']) {
      assert.equal((await api.anonymous('GET', path)).status, 401);
    }
  });

  test('a token that is not good is an error also where nobody is let in', async () => {
    const token = await issueToken();
    const [head, payload = '', signature] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'system:admin' })).toString('base64url');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    for (const bad of ['nonsense', `${head}.${forged}.${signature}`, `${none}.${payload}.`]) {
      assert.equal((await api.anonymous('GET', '/version', { authorization: `Bearer ${bad}` })).status, 401);
    }
  });

  test('a service account is known by its token, with its groups', async () => {
    const authorization = `Bearer ${await issueToken()}`;
    const denied = await api.anonymous('GET', '/api/v1/namespaces/default/pods', { authorization });
    assert.equal(denied.status, 403);
    assert.equal(
      denied.body['message'],
      'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    assert.equal((await api.anonymous('GET', '/apis', { authorization })).status, 200);
    const { user } = (await review(authorization.slice(7))) as { user: { groups: string[] } };
    assert.deepEqual(user.groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:default',
      'system:authenticated',
    ]);
  });

  test('a token is good for its audiences only', async () => {
    const token = await issueToken({ audiences: ['istio-ca'] });
    assert.equal((await review(token))['authenticated'], false);
    const good = await review(token, ['istio-ca', 'other']);
    assert.deepEqual([good['authenticated'], good['audiences']], [true, ['istio-ca']]);
    const authorization = `Bearer ${token}`;
    assert.equal((await api.anonymous('GET', '/version', { authorization })).status, 401);
  });

  test('a token that is bound to a pod ends with the pod', async () => {
    const pod = { metadata: { name: 'bound' }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
    const made = await api.call('POST', '/api/v1/namespaces/default/pods', pod);
    assert.equal(made.status, 201, made.text);
    const { name, uid } = made.body.metadata;
    const token = await issueToken({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid } });
    const good = (await review(token)) as { user: { extra: Record<string, string[]> } };
    assert.deepEqual(good.user.extra['authentication.kubernetes.io/pod-name'], ['bound']);
    await api.call('DELETE', '/api/v1/namespaces/default/pods/bound');
    const late = await review(token);
    assert.deepEqual([late['authenticated'], late['error']], [false, 'the pod of the token is gone']);
  });

  test('tokens shorter than ten minutes, and for pods that are others, are not given', async () => {
    const short = await api.call('POST', tokenPath, { spec: { expirationSeconds: 60 } });
    assert.equal(short.status, 400);
    const gone = await api.call('POST', tokenPath, {
      spec: { boundObjectRef: { kind: 'Pod', name: 'gone' } },
    });
    assert.equal(gone.status, 404);
  });
});

describe('what they may do', () => {
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'reader', namespace: 'default' },
    rules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['configmaps'] }],
  } as unknown as KubeObject;
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'reader', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  } as unknown as KubeObject;

  test('a role holds from its binding on, in its namespace, for its verbs, and no longer than the binding', async () => {
    const authorization = `Bearer ${await issueToken()}`;
    const status = async (method: string, path: string): Promise<number> =>
      (await api.anonymous(method, path, { authorization })).status;
    await api.client.create(resources.roles, role);
    assert.equal(await status('GET', '/api/v1/namespaces/default/configmaps'), 403);
    await api.client.create(resources.roleBindings, binding);
    assert.equal(await status('GET', '/api/v1/namespaces/default/configmaps'), 200);
    assert.equal(await status('GET', '/api/v1/namespaces/default/configmaps/none'), 404);
    assert.equal(await status('DELETE', '/api/v1/namespaces/default/configmaps/none'), 403);
    assert.equal(await status('GET', '/api/v1/namespaces/kube-system/configmaps'), 403);
    assert.equal(await status('GET', '/api/v1/configmaps'), 403);
    const access = { resourceAttributes: { verb: 'list', resource: 'configmaps', namespace: 'default' } };
    const asked = await api.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { ...access, user: 'system:serviceaccount:default:default' },
    });
    assert.deepEqual(asked.body['status'], { allowed: true });
    await api.client.delete(resources.roleBindings, 'default', 'reader');
    assert.equal(await status('GET', '/api/v1/namespaces/default/configmaps'), 403);
  });

  test('nobody gives away what he does not have', async () => {
    const authorization = `Bearer ${await issueToken()}`;
    const own = { ...role, metadata: { name: 'giver', namespace: 'default' } };
    const rules = [
      { verbs: ['create'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'] },
      { verbs: ['get', 'list'], apiGroups: [''], resources: ['configmaps'] },
    ];
    await api.client.create(resources.roles, { ...own, rules });
    const givers = { ...binding, metadata: { name: 'giver', namespace: 'default' } };
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'giver' };
    await api.client.create(resources.roleBindings, { ...givers, roleRef });
    const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
    const asGiver = { authorization, 'content-type': 'application/json' };
    const smaller = [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'] }];
    const larger = [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }];
    const make = (what: string, body: object) => api.as(asGiver, 'POST', `${path}/${what}`, body);
    assert.equal((await make('roles', { metadata: { name: 'smaller' }, rules: smaller })).status, 201);
    const refused = await make('roles', { metadata: { name: 'larger' }, rules: larger });
    assert.equal(refused.status, 403);
    assert.match(
      String(refused.body['message']),
      /is attempting to grant RBAC permissions not currently held:\n.*secrets/,
    );
    const admin = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' };
    const subjects = [{ kind: 'User', name: 'me' }];
    assert.equal(
      (await make('rolebindings', { metadata: { name: 'all' }, roleRef: admin, subjects })).status,
      403,
    );
  });

  test('who may, acts as somebody else and may no more than he', async () => {
    const as = { 'impersonate-user': 'system:serviceaccount:kube-public:reader' };
    const seen = await api.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, as);
    const { userInfo } = seen.body['status'] as { userInfo: { username: string; groups: string[] } };
    assert.equal(userInfo.username, as['impersonate-user']);
    assert.ok(userInfo.groups.includes('system:serviceaccounts:kube-public'));
    assert.equal((await api.call('GET', '/api/v1/nodes', undefined, as)).status, 403);
    const authorization = `Bearer ${await issueToken()}`;
    const refused = await api.anonymous('GET', '/version', {
      authorization,
      'impersonate-user': 'kubernetes-admin',
    });
    assert.equal(refused.status, 403);
    assert.match(String(refused.body['message']), /cannot impersonate resource "users"/);
  });

  test('rules match by group, resource, subresource, name and path', () => {
    const pods: AccessRequest = {
      kind: 'resource',
      verb: 'get',
      group: '',
      resource: 'pods',
      subresource: 'log',
      name: 'web',
      namespace: 'default',
    };
    const rule = { verbs: ['get'], apiGroups: [''] };
    assert.ok(ruleAllows({ ...rule, resources: ['pods/log'] }, pods));
    assert.ok(ruleAllows({ ...rule, resources: ['*/log'] }, pods));
    assert.ok(ruleAllows({ ...rule, resources: ['*'] }, pods));
    assert.ok(!ruleAllows({ ...rule, resources: ['pods'] }, pods));
    assert.ok(!ruleAllows({ ...rule, apiGroups: ['apps'], resources: ['*'] }, pods));
    assert.ok(!ruleAllows({ ...rule, resources: ['*'], resourceNames: ['other'] }, pods));
    const path: AccessRequest = { kind: 'path', verb: 'get', path: '/healthz/etcd' };
    assert.ok(ruleAllows({ verbs: ['*'], nonResourceURLs: ['/healthz/*'] }, path));
    assert.ok(!ruleAllows({ verbs: ['*'], nonResourceURLs: ['/healthz'] }, path));
  });
});

describe('certificates', () => {
  test('keys are for their owner only, are kept, and are made anew past half of their life or for new hosts', async () => {
    const folder = join(api.folder, 'other-pki');
    const nowMs = Date.now();
    const first = ensureCredentials({ folder, hosts: ['localhost', '127.0.0.1'], nowMs });
    for (const name of ['ca.key', 'apiserver.key', 'admin.key', 'sa.key']) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
    }
    const again = ensureCredentials({ folder, hosts: ['localhost', '127.0.0.1'], nowMs });
    assert.equal(again.server.certificate, first.server.certificate);
    const wider = ensureCredentials({ folder, hosts: ['localhost', '127.3.4.5'], nowMs });
    assert.notEqual(wider.server.certificate, first.server.certificate);
    assert.equal(wider.authority.certificate, first.authority.certificate);
    assert.ok(new X509Certificate(wider.server.certificate).checkIP('127.3.4.5'));
    const later = ensureCredentials({ folder, hosts: ['localhost'], nowMs: nowMs + leafLifeMs * 0.6 });
    assert.notEqual(later.administrator.certificate, first.administrator.certificate);
    assert.equal(later.authority.certificate, first.authority.certificate);
  });

  test('openssl finds the certificates strictly right', { skip: noOpenssl() }, () => {
    const folder = join(api.folder, 'strict-pki');
    const hosts = ['kubernetes.default.svc', '127.0.0.1', '2001:db8::1', 'fe80::1:2:3:4'];
    const { server } = ensureCredentials({ folder, hosts, nowMs: Date.now() });
    for (const [name, purpose] of [
      ['apiserver', 'sslserver'],
      ['admin', 'sslclient'],
    ] as const) {
      const files = ['-CAfile', join(folder, 'ca.crt'), join(folder, `${name}.crt`)];
      const checked = spawnSync('openssl', ['verify', '-x509_strict', '-purpose', purpose, ...files]);
      assert.equal(checked.status, 0, checked.stderr.toString());
    }
    const certificate = new X509Certificate(server.certificate);
    for (const address of hosts.slice(1)) assert.ok(certificate.checkIP(address), address);
  });

  test('a half written certificate is made anew', async () => {
    const folder = join(api.folder, 'broken-pki');
    const nowMs = Date.now();
    const first = ensureCredentials({ folder, hosts: ['localhost'], nowMs });
    writeFileSync(join(folder, 'apiserver.crt'), first.server.certificate.slice(0, 100));
    const second = ensureCredentials({ folder, hosts: ['localhost'], nowMs });
    assert.ok(new X509Certificate(second.server.certificate).checkHost('localhost'));
  });
});
