import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parseManifests } from '@lateen/config';
import { TestClock, silentLogger } from '@lateen/core';
import type { KubeClient, KubeObject, Resource, WatchEvent } from '@lateen/kube';
import { Engine } from '../../engine/engine.ts';
import { endpointsOf } from '../../model/endpoints.ts';
import { service } from '../../model/registry.ts';
import { settingsOf } from '../../model/settings.ts';
import { query } from '../../engine/query.ts';
import { emptyMesh, services, virtualServices, workloads } from '../../model/tables.ts';
import { kubernetesIngest, type KubernetesIngest } from './adapter.ts';

/** An API server of the size of this test: lists, watches, and says what happens when told. */
class ScriptedServer {
  readonly objects = new Map<string, KubeObject>();
  readonly #watchers = new Map<string, (event: WatchEvent<KubeObject>) => void>();
  #revision = 0;

  apply(yaml: string): void {
    for (const { object } of parseManifests(yaml, 'test').documents) {
      const parsed = object as unknown as KubeObject;
      const kept = {
        ...parsed,
        metadata: {
          ...parsed.metadata,
          resourceVersion: String(++this.#revision),
          uid: parsed.metadata.name,
        },
      };
      const key = `${kept.kind}/${kept.metadata.namespace ?? ''}/${kept.metadata.name}`;
      const type = this.objects.has(key) ? 'MODIFIED' : 'ADDED';
      this.objects.set(key, kept);
      this.#watchers.get(kept.kind)?.({ type, object: kept });
    }
  }

  delete(kind: string, namespace: string, name: string): void {
    const key = `${kind}/${namespace}/${name}`;
    const object = this.objects.get(key);
    assert.ok(object);
    this.objects.delete(key);
    this.#watchers.get(kind)?.({ type: 'DELETED', object });
  }

  readonly client = {
    list: (resource: Resource) =>
      Promise.resolve({
        items: [...this.objects.values()].filter((object) => object.kind === resource.kind),
        resourceVersion: String(this.#revision),
      }),
    watch: (
      resource: Resource,
      _selection: unknown,
      onEvent: (event: WatchEvent<KubeObject>) => void,
      signal: AbortSignal,
    ) => {
      this.#watchers.set(resource.kind, onEvent);
      return new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  } as unknown as KubeClient;
}

const reviews = `
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: default, annotations: { networking.istio.io/exportTo: "., other" } }
spec: { clusterIP: 10.96.0.9, selector: { app: reviews }, ports: [{ name: http-web, port: 80, targetPort: web }] }
`;
const pod = `
apiVersion: v1
kind: Pod
metadata:
  name: reviews-v1-5d8-abc
  namespace: default
  labels: { app: reviews, pod-template-hash: 5d8, security.istio.io/tlsMode: istio }
  ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: reviews-v1-5d8, uid: u, controller: true }]
spec: { serviceAccountName: reader, nodeName: n1, containers: [{ ports: [{ name: web, containerPort: 9080 }] }] }
status: { phase: Running, podIPs: [{ ip: 10.244.0.3 }] }
`;
const slice = (conditions: string): string => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: reviews-x, namespace: default, labels: { kubernetes.io/service-name: reviews } }
addressType: IPv4
ports: [{ name: http-web, port: 9080 }]
endpoints:
  - addresses: [10.244.0.3]
    conditions: ${conditions}
    targetRef: { kind: Pod, name: reviews-v1-5d8-abc, namespace: default }
`;
const rule = (timeout: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: default, generation: 3 }
spec: { hosts: [reviews], gateways: [mesh, edge, other/edge], http: [{ timeout: ${timeout}, route: [{ destination: { host: reviews } }] }] }
`;
const domainOf = query('test.domain', (view) => settingsOf(view));

describe('ingesting a Kubernetes API server', () => {
  let server: ScriptedServer;
  let clock: TestClock;
  let engine: Engine;
  let ingest: KubernetesIngest;
  let batches: number;

  beforeEach(async () => {
    server = new ScriptedServer();
    clock = new TestClock();
    engine = new Engine(emptyMesh());
    batches = 0;
    server.apply(
      [
        reviews,
        pod,
        slice('{ ready: true }'),
        'apiVersion: v1\nkind: Node\nmetadata: { name: n1, labels: { topology.kubernetes.io/region: r, topology.kubernetes.io/zone: z } }',
        'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata: { mesh: "outboundTrafficPolicy: { mode: REGISTRY_ONLY }" }',
      ].join('\n---\n'),
    );
    ingest = kubernetesIngest({
      client: server.client,
      clock,
      logger: silentLogger,
      rootNamespace: 'istio-system',
      domain: 'cluster.local',
      apply: (changes) => {
        batches++;
        engine.advance(changes);
      },
    });
    await ingest.synced;
  });
  afterEach(() => ingest.close());

  test('what is there at the start comes as one batch, before it counts as synced', () => {
    assert.equal(batches, 1);
    assert.deepEqual(engine.state.keys(services), ['default/reviews.default.svc.cluster.local']);
    assert.equal(engine.get(domainOf, 'x').outboundTrafficPolicy, 'REGISTRY_ONLY');
  });

  test('a service keeps its protocol, target port and who sees it', () => {
    const found = engine.get(service, 'default/reviews.default.svc.cluster.local');
    assert.deepEqual(found?.ports, [{ name: 'http-web', port: 80, protocol: 'http', targetPort: 'web' }]);
    assert.deepEqual(found?.exportTo, ['.', 'other']);
  });

  test('an endpoint knows its pod: labels, account, Deployment and place', () => {
    const [endpoint] = engine.get(endpointsOf, 'default/reviews.default.svc.cluster.local');
    assert.deepEqual(endpoint?.ports, { 'http-web': 9080 });
    assert.equal(endpoint?.workload, 'reviews-v1');
    assert.equal(endpoint?.serviceAccount, 'reader');
    assert.equal(endpoint?.locality, 'r/z');
    assert.equal(endpoint?.mutualTls, true);
    assert.equal(endpoint?.readiness, 'ready');
  });

  test('an endpoint that ends but still serves is draining, one that does not is not ready', () => {
    const readiness = (): unknown =>
      engine.get(endpointsOf, 'default/reviews.default.svc.cluster.local')[0]?.readiness;
    server.apply(slice('{ ready: false, serving: true, terminating: true }'));
    clock.advance(2);
    assert.equal(readiness(), 'draining');
    server.apply(slice('{ ready: false }'));
    clock.advance(2);
    assert.equal(readiness(), 'unready');
  });

  test('names in rules are made full', () => {
    server.apply(rule('1s'));
    clock.advance(2);
    const row = engine.state.row(virtualServices, 'default/reviews');
    assert.deepEqual(row?.hosts, ['reviews.default.svc.cluster.local']);
    assert.deepEqual(row?.gateways, ['mesh', 'default/edge', 'other/edge']);
  });

  test('a rule that becomes wrong is set aside alone, and its last good version stays', () => {
    server.apply(rule('1s'));
    server.apply(rule('soon'));
    clock.advance(2);
    assert.equal(engine.state.row(virtualServices, 'default/reviews')?.spec.http?.[0]?.timeout, '1s');
    const [object, ...others] = ingest.quarantine.list();
    assert.equal(others.length, 0);
    assert.equal(object?.lastGoodInForce, true);
    assert.equal(object?.problems[0]?.path, 'spec.http[0].timeout');
    server.apply(rule('2s'));
    clock.advance(2);
    assert.equal(engine.state.row(virtualServices, 'default/reviews')?.spec.http?.[0]?.timeout, '2s');
    assert.deepEqual(ingest.quarantine.list(), []);
  });

  test('what is deleted goes, also out of quarantine', () => {
    server.apply(rule('soon'));
    server.delete('VirtualService', 'default', 'reviews');
    server.delete('Pod', 'default', 'reviews-v1-5d8-abc');
    server.delete('Service', 'default', 'reviews');
    clock.advance(2);
    assert.deepEqual(ingest.quarantine.list(), []);
    assert.deepEqual(engine.state.keys(workloads), []);
    assert.deepEqual(engine.state.keys(services), []);
  });

  test('a burst becomes one new state', () => {
    const before = batches;
    server.apply([rule('1s'), slice('{ ready: false }'), pod].join('\n---\n'));
    clock.advance(2);
    assert.equal(batches, before + 1);
  });

  test('a status that changes nothing for the mesh makes no new state', () => {
    const { version } = engine.state;
    server.apply(`${reviews}status: { loadBalancer: { ingress: [{ ip: 127.0.0.9 }] } }\n`);
    clock.advance(2);
    assert.equal(engine.state.version, version);
  });
});
