import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '@lateen/kube';
import { startTestServer, type HttpAnswer, type TestServer } from '../testing/api-server.ts';

let api: TestServer;
before(async () => {
  api = await startTestServer();
});
after(() => api.close());

const merge = { 'content-type': 'application/merge-patch+json' };
const services = '/api/v1/namespaces/default/services';
const pods = '/api/v1/namespaces/default/pods';

function message(answer: HttpAnswer): string {
  return String(answer.body['message']);
}

function specOf(answer: HttpAnswer): Record<string, never> & { ports?: { nodePort: number }[] } {
  assert.ok(answer.status < 300, answer.text);
  return answer.body['spec'] as Record<string, never>;
}

function service(name: string, spec: object = {}): object {
  return { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } };
}

describe('the deployment of the tutorial', () => {
  test('old versions are stored as apps/v1, numbers of resources in their canonical form', async () => {
    const labels = { app: 'website', version: 'website-version-1' };
    const resources = { requests: { cpu: 0.1, memory: 200 } };
    const container = { name: 'website', image: 'aquamarine/kublr-tutorial-images:v1', resources };
    const body = {
      apiVersion: 'apps/v1beta1',
      kind: 'Deployment',
      metadata: { name: 'web-v1' },
      spec: { replicas: 1, template: { metadata: { labels }, spec: { containers: [container] } } },
    };
    const made = await api.call('POST', '/apis/apps/v1beta1/namespaces/default/deployments', body);
    assert.equal(made.body.apiVersion, 'apps/v1beta1');
    const stored = await api.call('GET', '/apis/apps/v1/namespaces/default/deployments/web-v1');
    const spec = stored.body['spec'] as {
      selector: unknown;
      strategy: unknown;
      template: { spec: { containers: Record<string, unknown>[]; restartPolicy: string } };
    };
    assert.equal(stored.body.apiVersion, 'apps/v1');
    assert.deepEqual(spec.selector, { matchLabels: labels });
    assert.deepEqual(spec.strategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' },
    });
    assert.deepEqual(spec.template.spec.containers[0]?.['resources'], {
      requests: { cpu: '100m', memory: '200' },
    });
    assert.equal(spec.template.spec.restartPolicy, 'Always');
  });
});

describe('Services', () => {
  test('an address of the range is given, kept over updates, and given back', async () => {
    const first = specOf(await api.call('POST', services, service('one')));
    assert.match(first['clusterIP'] ?? '', /^10\.96\.\d+\.\d+$/);
    const applied = await api.call('PUT', `${services}/one`, service('one', { ports: [{ port: 81 }] }));
    assert.equal(specOf(applied)['clusterIP'], first['clusterIP']);
    const wanted = { clusterIP: first['clusterIP'] };
    const taken = await api.call('POST', services, service('two', wanted));
    assert.match(message(taken), /provided IP is already allocated/);
    await api.call('DELETE', `${services}/one`);
    assert.equal(
      specOf(await api.call('POST', services, service('two', wanted)))['clusterIP'],
      wanted.clusterIP,
    );
    const moved = await api.call('PATCH', `${services}/two`, { spec: { clusterIP: '10.96.0.77' } }, merge);
    assert.match(
      message(moved),
      /spec\.clusterIPs\[0\]: Invalid value: \["10\.96\.0\.77"\]: may not change once set/,
    );
    const outside = await api.call('POST', services, service('out', { clusterIP: '10.97.0.1' }));
    assert.match(message(outside), /not in the valid range. The range of valid IPs is 10\.96\.0\.0\/16/);
  });

  test('concurrent requests never get the same address or node port', async () => {
    const wanted = Array.from({ length: 40 }, (_, i) => service(`many-${i}`, { type: 'NodePort' }));
    const made = await Promise.all(wanted.map((one) => api.call('POST', services, one)));
    assert.equal(new Set(made.map((one) => specOf(one)['clusterIP'])).size, 40);
    assert.equal(new Set(made.map((one) => specOf(one).ports?.[0]?.nodePort)).size, 40);
  });

  test('numbers are the same after a restart, and still taken', async () => {
    const before = specOf(await api.call('POST', services, service('lasting', { type: 'LoadBalancer' })));
    api = await api.restart();
    const { clusterIP } = before;
    const nodePort = before.ports?.[0]?.nodePort;
    const again = specOf(await api.call('GET', `${services}/lasting`));
    assert.deepEqual([again['clusterIP'], again.ports?.[0]?.nodePort], [clusterIP, nodePort]);
    const thief = service('thief', { type: 'NodePort', ports: [{ port: 80, nodePort }] });
    assert.match(
      message(await api.call('POST', services, thief)),
      /spec\.ports\[0\]\.nodePort: Invalid value: \d+: provided port is already allocated/,
    );
    const low = service('low', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] });
    assert.match(message(await api.call('POST', services, low)), /valid ports is 30000-32767/);
  });

  test('a dry run takes no number', async () => {
    const nodePort = 30_001; // of the band that is only given by number
    await api.call('POST', services, service('dry'));
    const spec = { type: 'NodePort', ports: [{ port: 80, nodePort }] };
    assert.equal((await api.call('PUT', `${services}/dry?dryRun=All`, service('dry', spec))).status, 200);
    assert.equal((await api.call('POST', `${services}?dryRun=All`, service('dry-2', spec))).status, 201);
    assert.equal((await api.call('POST', services, service('wet', spec))).status, 201);
  });

  test('a Service that becomes internal gives its node port back', async () => {
    const nodePort = 30_002; // of the band that is only given by number
    const spec = { type: 'NodePort', ports: [{ port: 80, nodePort }] };
    await api.call('POST', services, service('public', spec));
    const internal = specOf(
      await api.call('PATCH', `${services}/public`, { spec: { type: 'ClusterIP' } }, merge),
    );
    assert.equal(internal.ports?.[0]?.nodePort, undefined);
    assert.equal((await api.call('POST', services, service('next', spec))).status, 201);
  });

  test('headless and external ones have no address; a write that is refused leaves none taken', async () => {
    assert.equal(
      specOf(await api.call('POST', services, service('headless', { clusterIP: 'None' })))['clusterIP'],
      'None',
    );
    const external = {
      metadata: { name: 'away' },
      spec: { type: 'ExternalName', externalName: 'example.com' },
    };
    assert.equal(specOf(await api.call('POST', services, external))['clusterIP'], undefined);
    const spec = { clusterIP: '10.96.9.9', ports: [{ port: 70_000 }] };
    assert.equal((await api.call('POST', services, service('refused', spec))).status, 422);
    assert.equal((await api.call('POST', services, service('good', { clusterIP: '10.96.9.9' }))).status, 201);
  });

  test('badly named ports and the like are named by path', async () => {
    const ports = [{ port: 80, name: 'HTTP_' }, { port: 0, targetPort: 'a--b' }, { port: 80 }];
    const text = message(await api.call('POST', services, service('bad', { ports, type: 'Clusterip' })));
    for (const part of [
      'spec.type: Unsupported value: "Clusterip": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      'spec.ports[0].name: Invalid value: "HTTP_"',
      'spec.ports[1].name: Required value',
      'spec.ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[1].targetPort: Invalid value: "a--b": must not contain consecutive hyphens',
      'spec.ports[2]: Duplicate value',
    ]) {
      assert.ok(text.includes(part), `${part} in ${text}`);
    }
  });
});

describe('Pods', () => {
  function pod(name: string, spec: object = {}): object {
    return { metadata: { name }, spec: { containers: [{ name: 'c', image: 'image' }], ...spec } };
  }

  test('a pod gets its service account\u2019s token, also in init containers, unless it wants none', async () => {
    const init = [{ name: 'i', image: 'image:1' }];
    const made = await api.call('POST', pods, pod('with-token', { initContainers: init }));
    const spec = made.body['spec'] as {
      volumes: { name: string; projected: { sources: object[] } }[];
      containers: { volumeMounts: unknown; imagePullPolicy: string }[];
      initContainers: { volumeMounts: unknown }[];
    };
    const [volume] = spec.volumes;
    assert.match(volume?.name ?? '', /^kube-api-access-[a-z0-9]{5}$/);
    const mount = [
      { name: volume?.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ];
    assert.deepEqual(spec.containers[0]?.volumeMounts, mount);
    assert.deepEqual(spec.initContainers[0]?.volumeMounts, mount);
    assert.equal(spec.containers[0]?.imagePullPolicy, 'Always');
    const bare = await api.call('POST', pods, pod('bare', { automountServiceAccountToken: false }));
    assert.equal(specOf(bare)['volumes'], undefined);
    const stranger = await api.call('POST', pods, pod('stranger', { serviceAccountName: 'nobody' }));
    assert.match(
      message(stranger),
      /error looking up service account default\/nobody: serviceaccount "nobody" not found/,
    );
  });

  test('a pod on a node ends gracefully, and at once when it is asked for without grace', async () => {
    await api.call('POST', pods, pod('bound'));
    const target = { kind: 'Node', name: 'lateen' };
    assert.equal((await api.call('POST', `${pods}/bound/binding`, { target })).status, 201);
    assert.equal((await api.call('POST', `${pods}/bound/binding`, { target })).status, 409);
    const marked = await api.call('DELETE', `${pods}/bound`, { gracePeriodSeconds: 7 });
    assert.equal(marked.body.metadata.deletionGracePeriodSeconds, 7);
    assert.equal((await api.call('GET', `${pods}/bound`)).status, 200);
    await api.call('DELETE', `${pods}/bound`, { gracePeriodSeconds: 0 });
    assert.equal((await api.call('GET', `${pods}/bound`)).status, 404);
    await api.call('POST', pods, pod('waiting'));
    await api.call('DELETE', `${pods}/waiting`);
    assert.equal((await api.call('GET', `${pods}/waiting`)).status, 404);
  });

  test('of a pod only the images may change', async () => {
    await api.call('POST', pods, pod('fixed'));
    const { body } = await api.call('GET', `${pods}/fixed`);
    const changed = structuredClone(body) as KubeObject & {
      spec: { containers: { image: string; name: string }[]; hostname?: string };
    };
    changed.spec.containers[0]!.image = 'image:2';
    assert.equal((await api.call('PUT', `${pods}/fixed`, changed)).status, 200);
    delete changed.metadata.resourceVersion;
    changed.spec.hostname = 'other';
    assert.match(
      message(await api.call('PUT', `${pods}/fixed`, changed)),
      /spec: Forbidden: pod updates may not change fields other than/,
    );
  });

  test('what is wrong with a pod is named by path', async () => {
    const text = message(
      await api.call(
        'POST',
        pods,
        pod('wrong', {
          restartPolicy: 'Sometimes',
          volumes: [{ name: 'v' }, { name: 'v' }],
          containers: [
            { name: 'c', image: '', volumeMounts: [{ name: 'w', mountPath: '/x' }], readinessProbe: {} },
            {
              name: 'c',
              image: 'i',
              ports: [{ containerPort: 99_999 }],
              resources: { requests: { cpu: 2 }, limits: { cpu: 1 } },
            },
          ],
        }),
      ),
    );
    for (const part of [
      'spec.containers[0].image: Required value',
      'spec.containers[0].volumeMounts[0].name: Not found: "w"',
      'spec.containers[0].readinessProbe: Required value: must specify a handler type',
      'spec.containers[1].name: Duplicate value: "c"',
      'spec.containers[1].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive',
      'spec.containers[1].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
      'spec.volumes[1].name: Duplicate value: "v"',
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ]) {
      assert.ok(text.includes(part), `${part} in ${text}`);
    }
  });
});

describe('namespaces', () => {
  test('one that is going takes nothing new and stays until it is finalized; the first ones stay for good', async () => {
    await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'going' } });
    await api.call('DELETE', '/api/v1/namespaces/going');
    const going = await api.call('GET', '/api/v1/namespaces/going');
    assert.deepEqual(going.body['status'], { phase: 'Terminating' });
    const late = await api.call('POST', '/api/v1/namespaces/going/configmaps', {
      metadata: { name: 'late' },
    });
    assert.equal(
      message(late),
      'configmaps "late" is forbidden: unable to create new content in namespace going because it is being terminated',
    );
    await api.call('PUT', '/api/v1/namespaces/going/finalize', { ...going.body, spec: { finalizers: [] } });
    assert.equal((await api.call('GET', '/api/v1/namespaces/going')).status, 404);
    assert.equal((await api.call('DELETE', '/api/v1/namespaces/default')).status, 403);
  });
});

describe('other versions', () => {
  test('an autoscaler of v1 and of v2beta1 is one of v2', async () => {
    const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
    const v1 = {
      metadata: { name: 'a' },
      spec: { scaleTargetRef: target, maxReplicas: 3, targetCPUUtilizationPercentage: 70 },
    };
    await api.call('POST', '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers', v1);
    const metrics = [{ type: 'Resource', resource: { name: 'cpu', targetAverageUtilization: 70 } }];
    const beta = { metadata: { name: 'b' }, spec: { scaleTargetRef: target, maxReplicas: 3, metrics } };
    await api.call('POST', '/apis/autoscaling/v2beta1/namespaces/default/horizontalpodautoscalers', beta);
    for (const name of ['a', 'b']) {
      const seen = await api.call(
        'GET',
        `/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/${name}`,
      );
      assert.deepEqual(specOf(seen)['metrics'], [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
        },
      ]);
      const back = await api.call(
        'GET',
        `/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/${name}`,
      );
      assert.equal(specOf(back)['targetCPUUtilizationPercentage'], 70);
    }
  });

  test('an event is the same in both groups', async () => {
    const event = {
      metadata: { name: 'e' },
      regarding: { kind: 'Pod', name: 'web', namespace: 'default' },
      note: 'it rains',
      reason: 'Weather',
      type: 'Normal',
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'sky',
      reportingInstance: 'sky-1',
      action: 'Rain',
    };
    const made = await api.call('POST', '/apis/events.k8s.io/v1/namespaces/default/events', event);
    assert.equal(made.status, 201, made.text);
    const seen = (await api.call('GET', '/api/v1/namespaces/default/events/e')).body;
    assert.deepEqual(
      [seen['message'], seen['involvedObject'], seen['note']],
      ['it rains', event.regarding, undefined],
    );
  });
});

test('an Ingress is kept and shown, with a warning that nobody serves it', async () => {
  const path = '/apis/networking.k8s.io/v1/namespaces/default/ingresses';
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const made = await api.call('POST', path, {
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      ingressClassName: 'istio',
      tls: [{ hosts: ['a.example'] }],
      rules: [{ host: 'a.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  });
  assert.equal(made.status, 201, made.text);
  assert.match(String(made.headers['warning']), /nothing here serves it: use a Gateway and a VirtualService/);
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const shown = (await api.call('GET', path, undefined, { accept })).body as unknown as {
    rows: { cells: unknown[] }[];
  };
  assert.deepEqual(shown.rows[0]?.cells.slice(0, 5), ['web', 'istio', 'a.example', '', '80, 443']);
  const wrong = await api.call('POST', `${path}?fieldValidation=Strict`, {
    metadata: { name: 'odd' },
    spec: { backend },
  });
  assert.match(message(wrong), /unknown field "spec\.backend"/);
  assert.equal((await api.call('DELETE', `${path}?labelSelector=app=web`)).status, 200);
});

describe('server-side apply', () => {
  test('creates, changes, meets conflicts, and takes over by force', async () => {
    const path = (manager: string, force = false): string =>
      `/api/v1/namespaces/default/configmaps/ssa?fieldManager=${manager}&force=${force}`;
    const yaml = { 'content-type': 'application/apply-patch+yaml' };
    const wanted = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ssa\ndata:\n  a: one\n';
    assert.equal((await api.call('PATCH', path('me'), wanted, yaml)).status, 201);
    assert.equal((await api.call('PATCH', path('me'), wanted, yaml)).status, 200);
    const conflict = await api.call('PATCH', path('you'), wanted.replace('one', 'two'), yaml);
    assert.equal(conflict.status, 409);
    assert.equal(message(conflict), 'Apply failed with 1 conflict: conflict with "me" using v1: .data.a');
    const taken = await api.call('PATCH', path('you', true), wanted.replace('one', 'two'), yaml);
    assert.deepEqual(taken.body['data'], { a: 'two' });
    const nameless = await api.call('PATCH', '/api/v1/namespaces/default/configmaps/ssa', wanted, yaml);
    assert.match(message(nameless), /fieldManager: Required value/);
  });
});
