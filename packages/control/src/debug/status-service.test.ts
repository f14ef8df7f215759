import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import { unpackAs } from '@lateen/protocol';
import { xdsTypes } from '@lateen/protocol/ads';
import { ClustersConfigDump } from '@lateen/protocol/envoy/admin/v3';
import {
  AggregatedDiscoveryService,
  type DiscoveryRequest,
  type DiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { ClientConfig } from '@lateen/protocol/envoy/service/status/v3';
import { createChannel, createGrpcServer, GrpcError, type GrpcServer } from '@lateen/protocol/grpc';
import { createTestAuthority, type TestAuthority } from '@lateen/testkit';
import type { TokenAuthenticator } from '../ca/index.ts';
import { manifestChanges } from '../ingest/kubernetes/manifests.ts';
import { registerAdsService } from '../push/ads-service.ts';
import { DiscoveryServer } from '../push/discovery-server.ts';
import { decodeNode } from '../push/node.ts';
import { statusService } from './status-service.ts';

const syncz = 'istio.io/debug/syncz';
const configDump = 'istio.io/debug/config_dump';
const node = { id: 'sidecar~0.0.0.0~debug~cluster.local' };

describe('status over xDS', () => {
  const discovery = new DiscoveryServer({ clock: systemClock, logger: silentLogger, identifier: 'istiod-a' });
  let authority: TestAuthority;
  let server: GrpcServer;
  let encrypted: number;
  let plain: number;

  before(async () => {
    authority = await createTestAuthority();
    const file = new URL('../translate/golden/bookinfo.yaml', import.meta.url);
    const changes = manifestChanges(readFileSync(file, 'utf8'), 'bookinfo');
    assert.ok(changes.ok);
    discovery.apply(changes.value);
    const sink = { sendEncoded: () => true, drained: () => Promise.resolve() };
    for (const namespace of ['default', 'other']) {
      const proxy = decodeNode({
        id: `sidecar~10.244.0.11~page.${namespace}~${namespace}.svc.cluster.local`,
        metadata: { ISTIO_VERSION: '1.24.0' },
      });
      assert.ok(proxy.ok);
      const connection = discovery.attach(proxy.value, 'delta', sink, false);
      connection.onDelta({ typeUrl: xdsTypes.cluster.typeUrl });
      connection.onDelta({ typeUrl: xdsTypes.route.typeUrl, resourceNamesSubscribe: ['9080'] });
      if (namespace === 'other') {
        const { lastNonce = '' } = connection.subscriptions.get('cluster') ?? {};
        const errorDetail = { message: 'no such filter' };
        connection.onDelta({ typeUrl: xdsTypes.cluster.typeUrl, responseNonce: lastNonce, errorDetail });
      }
    }
    server = createGrpcServer();
    // A token is the namespace of its caller.
    const authenticate: TokenAuthenticator = (namespace) =>
      Promise.resolve({ type: 'authenticated', caller: { namespace, serviceAccount: 'default' } });
    const status = statusService(discovery, 'istio-system');
    registerAdsService(server, { discovery, status, authenticate, logger: silentLogger });
    const tls = await authority.issue({ dns: ['istiod.test'] });
    ({ port: encrypted } = await server.listen({ host: '127.0.0.1', tls }));
    ({ port: plain } = await server.listen({ host: '127.0.0.1' }));
  });
  after(() => server.close());

  /** The first answer, to a caller of this namespace. */
  async function ask(
    namespace: string,
    request: DiscoveryRequest,
    port = encrypted,
  ): Promise<DiscoveryResponse> {
    const channel = createChannel({
      target: { host: '127.0.0.1', port },
      ...(port === encrypted ? { tls: { ca: authority.root, serverName: 'istiod.test' } } : {}),
      metadata: () => ({ authorization: `Bearer ${namespace}` }),
    });
    try {
      return await new Promise<DiscoveryResponse>((resolve, reject) => {
        const stream = channel.openStream(AggregatedDiscoveryService.streamAggregatedResources, {
          onMessage: resolve,
          onEnd: (error) => reject(error ?? new GrpcError('UNKNOWN', 'ended')),
        });
        // As Istio's istioctl, whose first request has a nonce already.
        stream.send({ node, responseNonce: '2026-11-28', ...request });
      });
    } finally {
      channel.close();
    }
  }

  const statesOf = async (namespace: string): Promise<Record<string, Record<string, unknown>>> => {
    const { resources = [] } = await ask(namespace, { typeUrl: syncz });
    return Object.fromEntries(
      resources.map((resource) => {
        const config = unpackAs(ClientConfig, resource);
        assert.ok(config.ok);
        const states = (config.value.genericXdsConfigs ?? []).map(({ typeUrl, configStatus, errorState }) => [
          typeUrl?.split('.').at(-1) ?? '',
          errorState?.details ?? configStatus,
        ]);
        return [config.value.node?.id?.split('~')[2] ?? '', Object.fromEntries(states)];
      }),
    );
  };

  test('the mesh’s own namespace sees how far every proxy has followed', async () => {
    assert.deepEqual(await statesOf('istio-system'), {
      'page.default': { Cluster: 'STALE', RouteConfiguration: 'STALE' },
      'page.other': { Cluster: 'no such filter', RouteConfiguration: 'STALE' },
    });
  });

  test('another namespace sees its own proxies, and who asks is listed nowhere', async () => {
    assert.deepEqual(Object.keys(await statesOf('default')), ['page.default']);
    assert.deepEqual(await statesOf('third'), {});
    assert.equal(discovery.connections.length, 2);
  });

  test('what a proxy was sent is given as Envoy’s config dump, to those who may see it', async () => {
    const request = { typeUrl: configDump, resourceNames: ['page.default'] };
    const { resources = [], controlPlane } = await ask('default', request);
    assert.equal(controlPlane?.identifier, 'istiod-a');
    assert.deepEqual(
      resources.map(({ typeUrl }) => typeUrl.split('.').at(-1)),
      ['ClustersConfigDump', 'ListenersConfigDump', 'RoutesConfigDump', 'EndpointsConfigDump'],
    );
    const [clusters] = resources;
    assert.ok(clusters !== undefined);
    const dump = unpackAs(ClustersConfigDump, clusters);
    assert.ok(dump.ok && (dump.value.dynamicActiveClusters?.length ?? 0) > 3);
    assert.equal((await ask('third', request)).resources?.length ?? 0, 0);
    assert.equal((await ask('default', { typeUrl: configDump })).resources?.length ?? 0, 0);
  });

  test('without TLS nobody is told', async () => {
    await assert.rejects(ask('istio-system', { typeUrl: syncz }, plain), { code: 'UNAUTHENTICATED' });
  });
});
