import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '@lateen/kube';
import { injectPod, type InjectablePod } from './inject-pod.ts';
import { defaultInjectionValues, type InjectionValues } from './injection-values.ts';

const pod: InjectablePod = {
  metadata: {
    generateName: 'reviews-v1-5d5f7b6b9c-',
    labels: { app: 'reviews', version: 'v1', 'pod-template-hash': '5d5f7b6b9c' },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'reviews-v1-5d5f7b6b9c',
        uid: '1',
        controller: true,
      },
    ],
  },
  spec: {
    serviceAccountName: 'bookinfo-reviews',
    initContainers: [{ name: 'wait', image: 'busybox' }],
    containers: [
      {
        name: 'reviews',
        image: 'docker.io/istio/examples-bookinfo-reviews-v1:1.20.2',
        ports: [{ name: 'http', containerPort: 9080 }],
        readinessProbe: { httpGet: { path: '/health', port: 'http' }, periodSeconds: 5, timeoutSeconds: 2 },
        livenessProbe: { exec: { command: ['true'] } },
      },
    ],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  },
};

function inject(
  annotations: Record<string, string> = {},
  values: Partial<InjectionValues> = {},
  base: InjectablePod = pod,
  mesh: Parameters<typeof injectPod>[2] = {},
): InjectablePod {
  const result = injectPod(
    { ...base, metadata: { ...base.metadata, annotations } },
    { namespace: 'bookinfo' },
    mesh,
    { ...defaultInjectionValues, ...values },
  );
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

function container(injected: InjectablePod, name: string): Container {
  const found = [...injected.spec.containers, ...(injected.spec.initContainers ?? [])].find(
    (c) => c.name === name,
  );
  assert.ok(found !== undefined, `no container ${name}`);
  return found;
}

function env(of: Container): Record<string, unknown> {
  return Object.fromEntries((of.env ?? []).map((v) => [v.name, v.value ?? v.valueFrom?.fieldRef?.fieldPath]));
}

test('the application keeps its place and the sidecar and its redirection come after it', () => {
  const injected = inject();
  assert.deepEqual(
    injected.spec.containers.map((c) => c.name),
    ['reviews', 'istio-proxy'],
  );
  assert.deepEqual(
    injected.spec.initContainers?.map((c) => c.name),
    ['wait', 'istio-init'],
  );
  assert.equal(container(injected, 'istio-proxy').image, 'docker.io/istio/proxyv2:1.24.0');
  assert.equal(container(injected, 'istio-proxy').securityContext?.runAsUser, 1337);
});

test('istio-init redirects all traffic except what the agent itself serves', () => {
  const { args } = container(inject(), 'istio-init');
  assert.equal(
    args?.join(' '),
    'istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15021,15020 --log_output_level=default:info',
  );
});

test('the sidecar is told which workload it belongs to', () => {
  const variables = env(container(inject(), 'istio-proxy'));
  assert.equal(variables['ISTIO_META_WORKLOAD_NAME'], 'reviews-v1');
  assert.equal(
    variables['ISTIO_META_OWNER'],
    'kubernetes://apis/apps/v1/namespaces/bookinfo/deployments/reviews-v1',
  );
  assert.equal(variables['CA_ADDR'], 'istiod.istio-system.svc:15012');
  assert.equal(variables['INSTANCE_IP'], 'status.podIP');
  assert.equal(variables['ISTIO_META_POD_PORTS'], '[{"name":"http","containerPort":9080,"protocol":"TCP"}]');
  assert.equal(variables['ISTIO_META_APP_CONTAINERS'], 'reviews');
});

test('probes over the network go through the agent with their ports resolved, commands do not', () => {
  const injected = inject();
  const app = container(injected, 'reviews');
  assert.deepEqual(app.readinessProbe, {
    periodSeconds: 5,
    timeoutSeconds: 2,
    httpGet: { path: '/app-health/reviews/readyz', port: 15020 },
  });
  assert.deepEqual(app.livenessProbe, { exec: { command: ['true'] } });
  assert.deepEqual(JSON.parse(String(env(container(injected, 'istio-proxy'))['ISTIO_KUBE_APP_PROBERS'])), {
    '/app-health/reviews/readyz': { httpGet: { path: '/health', port: 9080 }, timeoutSeconds: 2 },
  });
});

test('probes stay as they are where an annotation says so', () => {
  const injected = inject({ 'sidecar.istio.io/rewriteAppHTTPProbers': 'false' });
  assert.deepEqual(container(injected, 'reviews').readinessProbe, pod.spec.containers[0]!.readinessProbe);
});

test('labels and annotations say what was done and name the workload for telemetry', () => {
  const { metadata } = inject();
  assert.equal(metadata?.labels?.['service.istio.io/canonical-name'], 'reviews');
  assert.equal(metadata?.labels?.['service.istio.io/canonical-revision'], 'v1');
  assert.equal(metadata?.labels?.['security.istio.io/tlsMode'], 'istio');
  assert.equal(metadata?.annotations?.['kubectl.kubernetes.io/default-container'], 'reviews');
  assert.deepEqual(JSON.parse(metadata?.annotations?.['sidecar.istio.io/status'] ?? ''), {
    initContainers: ['istio-init'],
    containers: ['istio-proxy'],
    volumes: ['istio-envoy', 'istio-data', 'istio-podinfo', 'istio-token', 'istiod-ca-cert'],
    imagePullSecrets: null,
    revision: 'default',
  });
});

test('traffic annotations change the redirection', () => {
  const { args } = container(
    inject({
      'traffic.sidecar.istio.io/includeInboundPorts': '80,443',
      'traffic.sidecar.istio.io/excludeInboundPorts': '9000',
      'traffic.sidecar.istio.io/includeOutboundIPRanges': '10.0.0.0/8',
      'traffic.sidecar.istio.io/excludeOutboundIPRanges': '10.1.0.0/16',
      'traffic.sidecar.istio.io/excludeOutboundPorts': '3306',
      'sidecar.istio.io/interceptionMode': 'TPROXY',
    }),
    'istio-init',
  );
  const line = args?.join(' ') ?? '';
  assert.match(
    line,
    /-m TPROXY -i 10\.0\.0\.0\/8 -x 10\.1\.0\.0\/16 -b 80,443 -d 15090,15021,15020,9000 -o 3306/,
  );
});

test('annotations that cannot be read are all named', () => {
  const result = injectPod(
    {
      ...pod,
      metadata: {
        annotations: {
          'traffic.sidecar.istio.io/excludeOutboundPorts': 'http',
          'traffic.sidecar.istio.io/includeOutboundIPRanges': '10.0.0.0',
          'sidecar.istio.io/interceptionMode': 'MAGIC',
          'proxy.istio.io/config': 'concurency: 2',
        },
      },
    },
    { namespace: 'a' },
    {},
    defaultInjectionValues,
  );
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map((p) => p.path),
    [
      'metadata.annotations["proxy.istio.io/config"]',
      'metadata.annotations["sidecar.istio.io/interceptionMode"]',
      'metadata.annotations["traffic.sidecar.istio.io/excludeOutboundPorts"]',
      'metadata.annotations["traffic.sidecar.istio.io/includeOutboundIPRanges"]',
    ],
  );
  assert.match(result.problems[0]!.message, /did you mean concurrency/);
});

test('the pod’s own settings of the proxy lie over the mesh’s', () => {
  const injected = inject(
    {
      'proxy.istio.io/config':
        'concurrency: 2\nproxyMetadata: {B: "2"}\nholdApplicationUntilProxyStarts: true',
    },
    {},
    pod,
    { defaultConfig: { concurrency: 4, drainDuration: '5s', proxyMetadata: { A: '1' } } },
  );
  assert.deepEqual(
    injected.spec.containers.map((c) => c.name),
    ['istio-proxy', 'reviews'],
  );
  const variables = env(container(injected, 'istio-proxy'));
  assert.deepEqual(JSON.parse(String(variables['PROXY_CONFIG'])), {
    concurrency: 2,
    drainDuration: '5s',
    proxyMetadata: { A: '1', B: '2' },
    holdApplicationUntilProxyStarts: true,
  });
  assert.equal(variables['A'], '1');
});

test('a native sidecar starts before the other init containers and after the redirection', () => {
  const injected = inject({}, { nativeSidecars: true });
  assert.deepEqual(
    injected.spec.initContainers?.map((c) => c.name),
    ['istio-init', 'istio-proxy', 'wait'],
  );
  assert.equal(container(injected, 'istio-proxy').restartPolicy, 'Always');
  assert.deepEqual(
    injected.spec.containers.map((c) => c.name),
    ['reviews'],
  );
});

test('a container istio-proxy of the pod’s own is laid over the generated one', () => {
  const injected = inject(
    {},
    {},
    {
      ...pod,
      spec: {
        ...pod.spec,
        containers: [
          { name: 'istio-proxy', image: 'auto', env: [{ name: 'JWT_POLICY', value: 'x' }], resources: {} },
          ...pod.spec.containers,
        ],
      },
    },
  );
  assert.deepEqual(
    injected.spec.containers.map((c) => c.name),
    ['reviews', 'istio-proxy'],
  );
  const sidecar = container(injected, 'istio-proxy');
  assert.equal(sidecar.image, 'docker.io/istio/proxyv2:1.24.0');
  assert.deepEqual(sidecar.resources, {});
  assert.equal(env(sidecar)['JWT_POLICY'], 'x');
  assert.equal(env(sidecar)['POD_NAME'], 'metadata.name');
});

test('resources named by annotations replace all of the standard ones', () => {
  const { resources } = container(inject({ 'sidecar.istio.io/proxyCPU': '50m' }), 'istio-proxy');
  assert.deepEqual(resources, { requests: { cpu: '50m' } });
});
