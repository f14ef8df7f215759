import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { TestClock } from '@lateen/core';
import { inClusterConfig } from './in-cluster.ts';
import { loadKubeconfig } from './kubeconfig.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'lateen-kubeconfig-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function kubeconfig(user: string): string {
  const file = join(folder, 'config');
  writeFileSync(
    file,
    `apiVersion: v1
kind: Config
current-context: here
contexts:
- name: here
  context: { cluster: local, user: admin, namespace: shop }
- name: there
  context: { cluster: local, user: nobody }
clusters:
- name: local
  cluster:
    server: https://127.0.0.1:6443
    certificate-authority-data: ${base64('the authority')}
users:
- name: admin
  user:
${user}
`,
  );
  return file;
}

test('the current context is read with its certificates and its namespace', async () => {
  const file = kubeconfig(`    client-certificate-data: ${base64('cert')}\n    client-key: key.pem`);
  writeFileSync(join(folder, 'key.pem'), 'key');
  const { name, namespace, client } = await loadKubeconfig(file);
  assert.deepEqual([name, namespace, client.server], ['here', 'shop', 'https://127.0.0.1:6443']);
  assert.equal(String(client.ca), 'the authority');
  assert.deepEqual(client.credentials, {
    kind: 'certificate',
    cert: Buffer.from('cert'),
    key: Buffer.from('key'),
  });
});

test('another context can be asked for, and one that is not there is said with those that are', async () => {
  const file = kubeconfig('    token: secret');
  const { namespace, client } = await loadKubeconfig(file, 'there');
  assert.deepEqual([namespace, client.credentials], ['default', { kind: 'none' }]);
  await assert.rejects(loadKubeconfig(file, 'nowhere'), {
    code: 'kube.noContext',
    hint: 'it has here, there',
  });
});

test('a user with a plugin is asked through it', async () => {
  const plugin = join(folder, 'plugin.sh');
  const status = { token: 'from-the-plugin' };
  const credential = JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status,
  });
  writeFileSync(plugin, `#!/bin/sh\necho '${credential}'\n`);
  chmodSync(plugin, 0o755);
  const file = kubeconfig(
    `    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: ${plugin}\n      interactiveMode: Never`,
  );
  const { client } = await loadKubeconfig(file);
  assert.equal(client.credentials?.kind, 'custom');
  const options: RequestOptions = { headers: {} };
  if (client.credentials?.kind === 'custom') await client.credentials.apply(options);
  assert.deepEqual(options.headers, { Authorization: 'Bearer from-the-plugin' });
});

test('in a pod the token is read again after a minute and when it was refused', async () => {
  writeFileSync(join(folder, 'token'), 'one\n');
  writeFileSync(join(folder, 'ca.crt'), 'ca');
  const clock = new TestClock();
  const env = { serviceHost: '10.96.0.1', servicePort: '443', kubeconfigPaths: [] };
  const config = inClusterConfig({ env, folder, clock });
  assert.equal(config?.server, 'https://10.96.0.1:443');
  const credentials = config?.credentials;
  assert.ok(credentials?.kind === 'token');
  writeFileSync(join(folder, 'token'), 'two');
  assert.equal(await credentials.token(false), 'one');
  assert.equal(await credentials.token(true), 'two');
  writeFileSync(join(folder, 'token'), 'three');
  assert.equal(await credentials.token(false), 'two');
  clock.advance(60_001);
  assert.equal(await credentials.token(false), 'three');
});

test('outside a pod there is no in-cluster configuration', () => {
  const env = { serviceHost: undefined, servicePort: '443', kubeconfigPaths: [] };
  assert.equal(inClusterConfig({ env, folder }), undefined);
});
