import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import { xdsTypes, type XdsKind } from '@lateen/protocol/ads';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import {
  createChannel,
  createGrpcServer,
  type Channel,
  type ClientStream,
  type GrpcError,
  type GrpcServer,
} from '@lateen/protocol/grpc';
import { selfSignedAuthority, CertificateAuthority, type TokenAuthenticator } from '../ca/index.ts';
import { statusService } from '../debug/status-service.ts';
import { remove, type Change } from '../engine/state.ts';
import { manifestChanges } from '../ingest/kubernetes/manifests.ts';
import { destinationRules, slices, virtualServices } from '../model/tables.ts';
import { registerAdsService, type AdsService } from './ads-service.ts';
import { DiscoveryServer } from './discovery-server.ts';

const golden = new URL('../translate/golden/', import.meta.url);
const cluster = xdsTypes.cluster.typeUrl;
const endpoint = xdsTypes.endpoint.typeUrl;
const listener = xdsTypes.listener.typeUrl;
const route = xdsTypes.route.typeUrl;

const nodeOf = (name: string) => ({
  id: `sidecar~10.244.0.11~${name}.default~default.svc.cluster.local`,
  metadata: { NAMESPACE: 'default', LABELS: { app: 'productpage' } },
});

function changesOf(text: string): readonly Change[] {
  const changes = manifestChanges(text, 'test');
  assert.ok(changes.ok, JSON.stringify(changes));
  return changes.value;
}
const fileChanges = (file: string): readonly Change[] =>
  changesOf(readFileSync(new URL(file, golden), 'utf8'));

/** A proxy that speaks delta and shows what came. */
class DeltaProxy {
  readonly stream: ClientStream<DeltaDiscoveryRequest>;
  readonly responses: DeltaDiscoveryResponse[] = [];
  #waiting: ((response: DeltaDiscoveryResponse) => void)[] = [];
  readonly ended = Promise.withResolvers<GrpcError | undefined>();

  constructor(channel: Channel) {
    this.stream = channel.openStream(AggregatedDiscoveryService.deltaAggregatedResources, {
      onMessage: (response) => {
        const waiting = this.#waiting.shift();
        if (waiting === undefined) this.responses.push(response);
        else waiting(response);
      },
      onEnd: (error) => this.ended.resolve(error),
    });
  }

  ask(request: DeltaDiscoveryRequest): void {
    this.stream.send(request);
  }

  next(): Promise<DeltaDiscoveryResponse> {
    const here = this.responses.shift();
    if (here !== undefined) return Promise.resolve(here);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async nextAcked(): Promise<DeltaDiscoveryResponse> {
    const response = await this.next();
    this.ack(response);
    return response;
  }

  ack(response: DeltaDiscoveryResponse): void {
    this.ask({ typeUrl: response.typeUrl, responseNonce: response.nonce });
  }
}

const namesIn = (response: DeltaDiscoveryResponse): string[] =>
  (response.resources ?? []).map((resource) => resource.name ?? '').sort();

describe('ADS', () => {
  let discovery: DiscoveryServer;
  let server: GrpcServer;
  let ads: AdsService;
  let channel: Channel;
  let port: number;

  beforeEach(async () => {
    discovery = new DiscoveryServer({ clock: systemClock, logger: silentLogger, identifier: 'test' });
    discovery.apply(fileChanges('bookinfo.yaml'));
    server = createGrpcServer();
    const nobody: TokenAuthenticator = () => Promise.resolve({ type: 'refused', reason: 'nobody' });
    const status = statusService(discovery, 'istio-system');
    ads = registerAdsService(server, { discovery, status, authenticate: nobody, logger: silentLogger });
    ({ port } = await server.listen({ host: '127.0.0.1' }));
    channel = createChannel({ target: { host: '127.0.0.1', port } });
  });
  afterEach(async () => {
    channel.close();
    await server.close();
  });

  const connected = (kind: XdsKind, name = 'a'): DeltaProxy => {
    const proxy = new DeltaProxy(channel);
    proxy.ask({ node: nodeOf(name), typeUrl: xdsTypes[kind].typeUrl });
    return proxy;
  };

  test('a proxy gets all clusters and listeners, and by name its routes and endpoints', async () => {
    const proxy = connected('cluster');
    const clusters = await proxy.nextAcked();
    assert.equal(clusters.typeUrl, cluster);
    assert.ok(namesIn(clusters).includes('outbound|9080||reviews.default.svc.cluster.local'));
    assert.ok(namesIn(clusters).includes('inbound|9080||'));
    proxy.ask({ typeUrl: listener });
    assert.ok(namesIn(await proxy.nextAcked()).includes('0.0.0.0_9080'));
    proxy.ask({
      typeUrl: endpoint,
      resourceNamesSubscribe: ['outbound|9080||reviews.default.svc.cluster.local'],
    });
    assert.deepEqual(namesIn(await proxy.nextAcked()), ['outbound|9080||reviews.default.svc.cluster.local']);
    proxy.ask({ typeUrl: route, resourceNamesSubscribe: ['9080', 'nonsense'] });
    const routes = await proxy.nextAcked();
    assert.deepEqual(namesIn(routes), ['9080']);
    assert.deepEqual(routes.removedResources, ['nonsense']);
  });

  test('a new rule sends its routes and its clusters, clusters first, and nothing else', async () => {
    const proxy = connected('cluster');
    await proxy.nextAcked();
    proxy.ask({ typeUrl: route, resourceNamesSubscribe: ['9080', '80'] });
    await proxy.nextAcked();
    proxy.ask({
      typeUrl: endpoint,
      resourceNamesSubscribe: ['outbound|9080||ratings.default.svc.cluster.local'],
    });
    await proxy.nextAcked();
    discovery.apply(fileChanges('jason.yaml'));
    const first = await proxy.nextAcked();
    assert.equal(first.typeUrl, cluster);
    assert.deepEqual(namesIn(first), [
      'outbound|9080|v1|reviews.default.svc.cluster.local',
      'outbound|9080|v2|reviews.default.svc.cluster.local',
      'outbound|9080|v3|reviews.default.svc.cluster.local',
      'outbound|9080||reviews.default.svc.cluster.local',
    ]);
    const second = await proxy.nextAcked();
    assert.equal(second.typeUrl, route);
    assert.deepEqual(namesIn(second), ['9080']);
  });

  test('a change of endpoints sends the endpoints of the clusters that have them', async () => {
    const proxy = connected('cluster');
    await proxy.nextAcked();
    const reviews = 'outbound|9080||reviews.default.svc.cluster.local';
    proxy.ask({
      typeUrl: endpoint,
      resourceNamesSubscribe: [reviews, 'outbound|9080||details.default.svc.cluster.local'],
    });
    await proxy.nextAcked();
    discovery.apply([remove(slices, 'default/reviews-abcde')]);
    // With its endpoints the identities go that the cluster's servers may have.
    const secured = await proxy.nextAcked();
    assert.deepEqual(namesIn(secured), [reviews]);
    const response = await proxy.next();
    assert.equal(response.typeUrl, endpoint);
    assert.deepEqual(namesIn(response), [reviews]);
  });

  test('while a response is on its way changes are gathered, and the latest is sent', async () => {
    const proxy = connected('route');
    await proxy.nextAcked();
    proxy.ask({ typeUrl: route, resourceNamesSubscribe: ['9080'] });
    const first = await proxy.next();
    for (const weight of [1, 2, 3]) {
      discovery.apply(
        changesOf(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ timeout: ${weight}s, route: [{ destination: { host: reviews } }] }] }
`),
      );
    }
    proxy.ack(first);
    const second = await proxy.nextAcked();
    assert.deepEqual(namesIn(second), ['9080']);
    discovery.apply([remove(virtualServices, 'default/reviews')]);
    const third = await proxy.next();
    // Had a response been sent for each change, one of those would have come.
    assert.equal(Number(third.nonce?.split('/')[1]), Number(second.nonce?.split('/')[1]) + 1);
    assert.equal(third.resources?.[0]?.version, first.resources?.[0]?.version);
  });

  test('clusters are taken away only after the routes that led to them', async () => {
    discovery.apply(fileChanges('jason.yaml'));
    const proxy = connected('cluster');
    await proxy.nextAcked();
    proxy.ask({ typeUrl: route, resourceNamesSubscribe: ['9080'] });
    await proxy.nextAcked();
    discovery.apply([
      remove(destinationRules, 'default/reviews'),
      remove(virtualServices, 'default/reviews'),
    ]);
    const changed = await proxy.nextAcked();
    assert.equal(changed.typeUrl, cluster);
    assert.deepEqual(changed.removedResources ?? [], []);
    const routes = await proxy.nextAcked();
    assert.equal(routes.typeUrl, route);
    const removed = await proxy.nextAcked();
    assert.equal(removed.typeUrl, cluster);
    assert.deepEqual(removed.removedResources?.toSorted(), [
      'outbound|9080|v1|reviews.default.svc.cluster.local',
      'outbound|9080|v2|reviews.default.svc.cluster.local',
      'outbound|9080|v3|reviews.default.svc.cluster.local',
    ]);
  });

  test('a rejection is kept with its reason, and the next good response clears it', async () => {
    const proxy = connected('route');
    await proxy.nextAcked();
    proxy.ask({ typeUrl: route, resourceNamesSubscribe: ['9080'] });
    const response = await proxy.next();
    proxy.ask({
      typeUrl: route,
      responseNonce: response.nonce,
      errorDetail: { code: 3, message: 'virtual_hosts[0]: no' },
    });
    discovery.apply(fileChanges('weights.yaml'));
    const next = await proxy.next();
    const status = (): unknown => discovery.connections[0]?.subscriptions.get('route')?.state.kind;
    assert.equal(status(), 'rejected');
    proxy.ack(next);
    proxy.ask({ typeUrl: route, resourceNamesSubscribe: ['80'] });
    await proxy.next();
    assert.equal(discovery.connections[0]?.subscriptions.get('route')?.rejection, undefined);
    assert.equal(discovery.statistics.kinds.route.rejected, 1);
  });

  test('a proxy that comes back with what it has is sent only the difference', async () => {
    const first = connected('cluster');
    const all = await first.nextAcked();
    const versions = Object.fromEntries(
      (all.resources ?? []).map((resource) => [resource.name ?? '', resource.version ?? '']),
    );
    first.stream.cancel();
    discovery.apply(fileChanges('weights.yaml'));
    const again = new DeltaProxy(channel);
    again.ask({
      node: nodeOf('a'),
      typeUrl: cluster,
      initialResourceVersions: { ...versions, 'outbound|1||gone': 'x' },
    });
    const difference = await again.nextAcked();
    assert.deepEqual(namesIn(difference), [
      'outbound|9080|v1|reviews.default.svc.cluster.local',
      'outbound|9080|v3|reviews.default.svc.cluster.local',
      'outbound|9080||reviews.default.svc.cluster.local',
    ]);
    assert.deepEqual((await again.next()).removedResources, ['outbound|1||gone']);
  });

  test('two proxies with the same view share one translation', async () => {
    const [a, b] = [connected('cluster', 'a'), connected('cluster', 'b')];
    const [one, two] = [await a.nextAcked(), await b.nextAcked()];
    assert.deepEqual(one.resources, two.resources);
    assert.equal(discovery.resourceSets, 2);
  });

  test('nothing that is observed stays after the last proxy has gone', async () => {
    const proxy = connected('cluster');
    await proxy.nextAcked();
    proxy.ask({ typeUrl: route, resourceNamesSubscribe: ['9080'] });
    await proxy.nextAcked();
    proxy.stream.cancel();
    await proxy.ended.promise;
    while (discovery.connections.length > 0) await new Promise(setImmediate);
    discovery.engine.sweep(0);
    assert.equal(discovery.resourceSets, 0);
    assert.equal(discovery.engine.size, 0);
  });

  test('a node that does not say who it is is refused by name of the field', async () => {
    const proxy = new DeltaProxy(channel);
    proxy.ask({ node: { id: 'nobody' }, typeUrl: cluster });
    const error = await proxy.ended.promise;
    assert.equal(error?.code, 'INVALID_ARGUMENT');
    assert.match(error?.message ?? '', /node\.id: must be TYPE~ADDRESS~NAME\.NAMESPACE~DOMAIN/);
  });

  test('a server that stops says so, and its proxies’ streams end at once', async () => {
    const proxy = connected('cluster');
    await proxy.nextAcked();
    ads.close();
    const error = await proxy.ended.promise;
    assert.equal(error?.code, 'UNAVAILABLE');
    assert.match(error?.message ?? '', /stopping/);
  });

  test('state of the world: clusters always come whole, routes only where they changed', async () => {
    const responses: DiscoveryResponse[] = [];
    let wake = (): void => {};
    const stream = channel.openStream(AggregatedDiscoveryService.streamAggregatedResources, {
      onMessage: (response) => {
        responses.push(response);
        wake();
      },
      onEnd: () => undefined,
    });
    const send = (request: DiscoveryRequest): void => void stream.send(request);
    const next = async (): Promise<DiscoveryResponse> => {
      while (responses.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return responses.shift() as DiscoveryResponse;
    };
    const ack = (response: DiscoveryResponse, resourceNames: readonly string[] = []): void =>
      send({
        typeUrl: response.typeUrl,
        versionInfo: response.versionInfo,
        responseNonce: response.nonce,
        resourceNames,
      });
    send({ node: nodeOf('s'), typeUrl: cluster });
    const clusters = await next();
    ack(clusters);
    send({ typeUrl: route, resourceNames: ['9080', '80'] });
    const routes = await next();
    assert.equal(routes.resources?.length, 2);
    ack(routes, ['9080', '80']);
    discovery.apply(fileChanges('jason.yaml'));
    const moreClusters = await next();
    assert.equal(moreClusters.typeUrl, cluster);
    assert.equal(moreClusters.resources?.length, (clusters.resources?.length ?? 0) + 3);
    ack(moreClusters);
    const moreRoutes = await next();
    assert.equal(moreRoutes.typeUrl, route);
    assert.equal(moreRoutes.resources?.length, 1);
  });
});

describe('ADS over TLS', () => {
  const authority = new CertificateAuthority(selfSignedAuthority('cluster.local', Date.now()), systemClock);
  let server: GrpcServer;
  let port: number;
  const discovery = new DiscoveryServer({ clock: systemClock, logger: silentLogger, identifier: 'test' });
  before(async () => {
    server = createGrpcServer();
    const authenticate: TokenAuthenticator = (token) =>
      Promise.resolve(
        token === 'good'
          ? { type: 'authenticated', caller: { namespace: 'default', serviceAccount: 'default' } }
          : { type: 'refused', reason: 'the token is not valid' },
      );
    const status = statusService(discovery, 'istio-system');
    registerAdsService(server, { discovery, status, authenticate, logger: silentLogger });
    const pair = authority.issueServer(['istiod.istio-system.svc'], 3_600_000);
    ({ port } = await server.listen({
      host: '127.0.0.1',
      tls: { cert: pair.certificateChain, key: pair.privateKey },
    }));
  });
  after(() => server.close());

  const connect = (token: string | undefined, id: string): { proxy: DeltaProxy; channel: Channel } => {
    const channel = createChannel({
      target: { host: '127.0.0.1', port },
      tls: { ca: authority.root, serverName: 'istiod.istio-system.svc' },
      metadata: () => (token === undefined ? {} : { authorization: `Bearer ${token}` }),
    });
    const proxy = new DeltaProxy(channel);
    proxy.ask({ node: { id }, typeUrl: cluster });
    return { proxy, channel };
  };

  test('a good token of the right namespace is served', async () => {
    const { proxy, channel } = connect('good', 'sidecar~1.1.1.1~a.default~default.svc.cluster.local');
    assert.equal((await proxy.next()).typeUrl, cluster);
    channel.close();
  });

  for (const [name, token, namespace, code] of [
    ['no token', undefined, 'default', 'UNAUTHENTICATED'],
    ['a bad token', 'bad', 'default', 'UNAUTHENTICATED'],
    ['a token of another namespace', 'good', 'other', 'PERMISSION_DENIED'],
  ] as const) {
    test(`${name} is refused`, async () => {
      const { proxy, channel } = connect(
        token,
        `sidecar~1.1.1.1~a.${namespace}~${namespace}.svc.cluster.local`,
      );
      assert.equal((await proxy.ended.promise)?.code, code);
      channel.close();
    });
  }
});
