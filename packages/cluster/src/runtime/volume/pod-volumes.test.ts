import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { TestClock } from '@lateen/core';
import type { ConfigMap, KubeClient, Pod, Volume } from '@lateen/kube';
import type { ObjectLookup } from '../container/environment.ts';
import type { PodFacts } from '../pod/pod-facts.ts';
import { PodVolumes } from './pod-volumes.ts';

interface Setup {
  readonly directory: string;
  readonly clock: TestClock;
  readonly configMaps: Map<string, ConfigMap>;
  readonly requests: unknown[];
  readonly facts: PodFacts;
  readonly volumes: PodVolumes;
  due: number;
}

function setUp(t: TestContext, volumes: Volume[], allowHostPath = false): Setup {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-volumes-'));
  const clock = new TestClock(Date.UTC(2026, 0, 1));
  const configMaps = new Map<string, ConfigMap>();
  const requests: unknown[] = [];
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'shop', uid: 'u1', labels: { b: '2', a: 'x"y' } },
    spec: { containers: [], volumes, serviceAccountName: 'cart' },
  };
  const lookup: ObjectLookup = {
    configMap: (_, name) => configMaps.get(name),
    secret: () => undefined,
    services: () => [],
  };
  // Only what tokens need of the API: each request is answered by the next token, good for an hour.
  const client = {
    raw: async (_method: string, path: string, body: { spec: object }) => {
      requests.push([path, body.spec]);
      const expirationTimestamp = new Date(clock.now() + 3_600_000).toISOString();
      return { status: { token: `token-${requests.length}`, expirationTimestamp } };
    },
  } as unknown as KubeClient;
  const setup: Setup = {
    directory,
    clock,
    configMaps,
    requests,
    due: 0,
    facts: {
      pod,
      podIP: '10.244.0.5',
      hostIP: '10.244.0.1',
      nodeName: 'lateen',
      capacity: { cpu: 1, memoryBytes: 1 },
    },
    volumes: new PodVolumes({
      pod,
      diskDir: join(directory, 'disk'),
      memoryDir: join(directory, 'volumes'),
      client,
      lookup,
      clock,
      allowHostPath,
      onDue: () => setup.due++,
    }),
  };
  t.after(() => {
    setup.volumes.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return setup;
}

function configMap(name: string, data: Record<string, string>): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

test('a config map volume waits for its object, shows it with items and modes, and swaps changes whole', async (t) => {
  const s = setUp(t, [
    { name: 'conf', configMap: { name: 'c', items: [{ key: 'k', path: 'sub/file', mode: 0o600 }] } },
  ]);
  await assert.rejects(s.volumes.update(s.facts), {
    code: 'FailedMount',
    message: 'MountVolume.SetUp failed for volume "conf" : configmap "c" not found',
  });
  s.configMaps.set('c', configMap('c', { k: 'one', other: 'hidden' }));
  await s.volumes.update(s.facts);
  const file = join(s.directory, 'volumes/conf/sub/file');
  assert.equal(readFileSync(file, 'utf8'), 'one');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const before = realpathSync(file);
  await s.volumes.update(s.facts);
  assert.equal(realpathSync(file), before, 'nothing changed, nothing is written');
  s.configMaps.set('c', configMap('c', { k: 'two' }));
  await s.volumes.update(s.facts);
  assert.equal(readFileSync(file, 'utf8'), 'two');
  assert.ok(!existsSync(before));
});

test('keys that go away disappear from the volume', async (t) => {
  const s = setUp(t, [{ name: 'conf', configMap: { name: 'c' } }]);
  s.configMaps.set('c', configMap('c', { a: '1', b: '2' }));
  await s.volumes.update(s.facts);
  s.configMaps.set('c', configMap('c', { b: '2' }));
  await s.volumes.update(s.facts);
  assert.deepEqual(
    readdirSync(join(s.directory, 'volumes/conf')).filter((name) => !name.startsWith('..')),
    ['b'],
  );
});

test('a projected token is bound to the pod and renewed at four fifths of its life', async (t) => {
  const s = setUp(t, [
    {
      name: 'tokens',
      projected: {
        sources: [
          { serviceAccountToken: { path: 'istio-token', audience: 'istio-ca', expirationSeconds: 3600 } },
          { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
      },
    },
  ]);
  await s.volumes.update(s.facts);
  const token = join(s.directory, 'volumes/tokens/istio-token');
  assert.equal(readFileSync(token, 'utf8'), 'token-1');
  assert.equal(readFileSync(join(s.directory, 'volumes/tokens/labels'), 'utf8'), 'a="x\\"y"\nb="2"');
  assert.deepEqual(s.requests, [
    [
      '/api/v1/namespaces/shop/serviceaccounts/cart/token',
      {
        audiences: ['istio-ca'],
        expirationSeconds: 3600,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u1' },
      },
    ],
  ]);
  s.clock.advance(2_879_000);
  assert.equal(s.due, 0);
  s.clock.advance(1_000);
  assert.equal(s.due, 1);
  await s.volumes.update(s.facts);
  assert.equal(readFileSync(token, 'utf8'), 'token-2');
});

test('the host\u2019s directories are refused unless they were allowed, and paths stay inside', async (t) => {
  const refused = setUp(t, [{ name: 'h', hostPath: { path: '/etc' } }]);
  await assert.rejects(refused.volumes.update(refused.facts), { message: /--allow-host-path/ });
  const allowed = setUp(t, [{ name: 'h', hostPath: { path: '/etc' } }], true);
  await allowed.volumes.update(allowed.facts);
  assert.equal(allowed.volumes.path({ name: 'h', hostPath: { path: '/etc' } }), '/etc');
  const escaping = setUp(t, [
    { name: 'c', configMap: { name: 'c', items: [{ key: 'k', path: '../../x' }] } },
  ]);
  escaping.configMaps.set('c', configMap('c', { k: '' }));
  await assert.rejects(escaping.volumes.update(escaping.facts), { message: /leaves the volume/ });
});
