import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { formatProblem, silentLogger } from '@lateen/core';
import type { EnvoyFilterSpec } from '@lateen/config';
import { decode, toJson, type TypeRegistry } from '@lateen/protocol';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { Engine } from '../../engine/engine.ts';
import { put, remove } from '../../engine/state.ts';
import { EnvoyFilters } from '../../ingest/envoy-filters.ts';
import { manifestChanges } from '../../ingest/kubernetes/manifests.ts';
import { emptyMesh, envoyFilters, proxies } from '../../model/tables.ts';
import { decodeNode } from '../../push/node.ts';
import { resourceSets, viewOfProxy, type ProxyView } from '../proxy-view.ts';
import { allResources, namedResource } from '../read-resources.ts';
import { decodePatches } from './decode-patches.ts';
import { patchTypes } from './patch-types.ts';

let registry: TypeRegistry;
before(async () => {
  registry = await patchTypes();
});

/** JSON of messages of many types, looked into here and there. */
type Json = ReturnType<typeof JSON.parse>;

const node = {
  id: 'sidecar~10.244.0.11~productpage-v1-aaa-11111.default~default.svc.cluster.local',
  metadata: {
    NAMESPACE: 'default',
    LABELS: { app: 'productpage', version: 'v1' },
    ISTIO_VERSION: '1.24.0',
    CLUSTER_ID: 'east',
  },
};

type Spec = EnvoyFilterSpec & { readonly namespace?: string };

/** Bookinfo with EnvoyFilters, as a sidecar of the product page sees it. */
async function meshWith(...specs: readonly Spec[]) {
  const engine = new Engine(emptyMesh());
  const changes = manifestChanges(
    readFileSync(new URL('../golden/bookinfo.yaml', import.meta.url), 'utf8'),
    'b',
  );
  assert.ok(changes.ok);
  engine.advance(changes.value);
  const filters = new EnvoyFilters({
    logger: silentLogger,
    state: () => engine.state,
    apply: (more) => void engine.advance(more),
  });
  for (const [i, { namespace = 'default', ...spec }] of specs.entries()) {
    const row = { namespace, name: `f${i}`, createdMs: i, labels: {}, annotations: {}, spec };
    engine.advance([put(envoyFilters, `${namespace}/f${i}`, row)]);
  }
  filters.refresh();
  await filters.settled();
  const proxy = decodeNode(node);
  assert.ok(proxy.ok);
  engine.advance([put(proxies, 'it', proxy.value)]);
  const view = (): ProxyView => engine.get(viewOfProxy, 'it') ?? assert.fail();
  const listed = (kind: 'cluster' | 'listener', name: string): Json => {
    const found = allResources(engine, view(), kind).find((resource) => resource.name === name);
    if (found === undefined) return undefined;
    const type = kind === 'cluster' ? Cluster : Listener;
    const decoded = decode<object>(type, found.value);
    return decoded.ok ? (toJson<object>(type, decoded.value, { registry }) as Json) : assert.fail();
  };
  return {
    engine,
    filters,
    view,
    cluster: (name: string) => listed('cluster', name),
    listener: (name: string) => listed('listener', name),
    routes(name: string): Json {
      const found = namedResource(engine, view(), 'route', name);
      const decoded = decode(RouteConfiguration, found?.value ?? assert.fail());
      return decoded.ok ? (toJson(RouteConfiguration, decoded.value, { registry }) as Json) : assert.fail();
    },
  };
}

const manager = 'envoy.filters.network.http_connection_manager';
const localRateLimit = {
  name: 'envoy.filters.http.local_ratelimit',
  typed_config: {
    '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
    type_url: 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
    value: { stat_prefix: 'http_local_rate_limiter' },
  },
};

/** Names of the HTTP filters of the chains of a listener. */
function httpFilters(listener: Json): string[][] {
  return (listener?.['filterChains'] ?? []).flatMap((chain: Json) =>
    (chain['filters'] ?? [])
      .filter((filter: Json) => filter['name'] === manager)
      .map((filter: Json) =>
        (filter['typedConfig']?.['httpFilters'] ?? []).map((one: Json) => String(one['name'])),
      ),
  );
}

test('an HTTP filter is put into the inbound connection managers alone, as on Istio’s page on rate limits', async () => {
  const mesh = await meshWith({
    namespace: 'istio-system',
    workloadSelector: { labels: { app: 'productpage' } },
    configPatches: [
      {
        applyTo: 'HTTP_FILTER',
        match: { context: 'SIDECAR_INBOUND', listener: { filterChain: { filter: { name: manager } } } },
        patch: { operation: 'INSERT_BEFORE', value: localRateLimit },
      },
    ],
  });
  const inbound = httpFilters(mesh.listener('virtualInbound'));
  assert.ok(inbound.length > 1);
  for (const names of inbound) {
    assert.equal(names[0], 'envoy.filters.http.local_ratelimit');
    assert.equal(names.at(-1), 'envoy.filters.http.router');
  }
  assert.ok(
    !httpFilters(mesh.listener('0.0.0.0_9080')).flat().includes('envoy.filters.http.local_ratelimit'),
  );
});

test('filters are inserted beside another, added before the router, merged and removed', async () => {
  const at = (subFilter: string) => ({
    context: 'SIDECAR_OUTBOUND' as const,
    listener: {
      portNumber: 9080,
      filterChain: { filter: { name: manager, subFilter: { name: subFilter } } },
    },
  });
  const mesh = await meshWith({
    configPatches: [
      { applyTo: 'HTTP_FILTER', match: at('envoy.filters.http.cors'), patch: { operation: 'REMOVE' } },
      {
        applyTo: 'HTTP_FILTER',
        match: at('envoy.filters.http.fault'),
        patch: { operation: 'INSERT_AFTER', value: { ...localRateLimit, name: 'after' } },
      },
      {
        applyTo: 'HTTP_FILTER',
        match: at('nobody'),
        patch: { operation: 'INSERT_AFTER', value: { ...localRateLimit, name: 'never' } },
      },
      {
        applyTo: 'HTTP_FILTER',
        match: { listener: { name: '0.0.0.0_9080' } },
        patch: { operation: 'ADD', value: { ...localRateLimit, name: 'added' } },
      },
      {
        applyTo: 'NETWORK_FILTER',
        match: { listener: { name: '0.0.0.0_9080', filterChain: { filter: { name: manager } } } },
        patch: {
          operation: 'MERGE',
          value: {
            name: manager,
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stream_idle_timeout: '7s',
              xff_num_trusted_hops: 3,
            },
          },
        },
      },
    ],
  });
  const listener = mesh.listener('0.0.0.0_9080');
  const [names = []] = httpFilters(listener);
  assert.equal(names[names.indexOf('envoy.filters.http.fault') + 1], 'after');
  assert.deepEqual(names.slice(-2), ['added', 'envoy.filters.http.router']);
  assert.ok(!names.includes('never') && !names.includes('envoy.filters.http.cors'));
  const config = listener?.['filterChains'][0]?.['filters'][0]?.['typedConfig'];
  assert.equal(config?.['streamIdleTimeout'], '7s');
  assert.equal(config['xffNumTrustedHops'], 3);
  assert.equal(config['serverName'], 'istio-envoy', 'what the patch does not say stays');
});

test('routes are merged, added and removed by virtual host, of sidecars and of inbound connections', async () => {
  const mesh = await meshWith({
    configPatches: [
      {
        applyTo: 'VIRTUAL_HOST',
        match: {
          context: 'SIDECAR_OUTBOUND',
          routeConfiguration: { vhost: { name: 'reviews.default.svc.cluster.local:9080' } },
        },
        patch: {
          operation: 'MERGE',
          value: { request_headers_to_add: [{ header: { key: 'x-a', value: 'b' } }] },
        },
      },
      {
        applyTo: 'HTTP_ROUTE',
        match: {
          routeConfiguration: { name: '9080', vhost: { domainName: 'ratings', route: { action: 'ANY' } } },
        },
        patch: {
          operation: 'INSERT_FIRST',
          value: { name: 'gone', match: { prefix: '/gone' }, direct_response: { status: 410 } },
        },
      },
      {
        applyTo: 'VIRTUAL_HOST',
        match: { routeConfiguration: { name: '9080', vhost: { name: 'allow_any' } } },
        patch: { operation: 'REMOVE' },
      },
      {
        applyTo: 'HTTP_ROUTE',
        match: { context: 'SIDECAR_INBOUND', routeConfiguration: { vhost: { route: { name: 'default' } } } },
        patch: { operation: 'MERGE', value: { response_headers_to_remove: ['x-b'] } },
      },
    ],
  });
  const hosts = mesh.routes('9080')['virtualHosts'] ?? [];
  const of = (name: string) => hosts.find((host: Json) => host['name'] === name);
  assert.equal(of('reviews.default.svc.cluster.local:9080')?.['requestHeadersToAdd'].length, 1);
  assert.equal(of('details.default.svc.cluster.local:9080')?.['requestHeadersToAdd'], undefined);
  assert.deepEqual(
    of('ratings.default.svc.cluster.local:9080')?.['routes'].map((route: Json) => route['name']),
    ['gone', 'default'],
  );
  assert.equal(of('allow_any'), undefined);
  const inbound = JSON.stringify(mesh.listener('virtualInbound'));
  assert.match(inbound, /"responseHeadersToRemove":\["x-b"\]/);
});

test('clusters are merged by service, port and subset, added and removed', async () => {
  const mesh = await meshWith({
    configPatches: [
      {
        applyTo: 'CLUSTER',
        match: { cluster: { service: 'reviews.default.svc.cluster.local', portNumber: 9080 } },
        patch: {
          operation: 'MERGE',
          value: {
            connect_timeout: '3s',
            type: 'STRICT_DNS',
            lb_policy: 'RANDOM',
            metadata: { filter_metadata: { a: { b: 'c' } } },
          },
        },
      },
      {
        applyTo: 'CLUSTER',
        match: { cluster: { name: 'BlackHoleCluster' } },
        patch: { operation: 'REMOVE' },
      },
      {
        applyTo: 'CLUSTER',
        patch: { operation: 'ADD', value: { name: 'mine', type: 'STATIC', connect_timeout: '1s' } },
      },
    ],
  });
  const reviews = mesh.cluster('outbound|9080||reviews.default.svc.cluster.local');
  assert.deepEqual(
    [reviews?.['connectTimeout'], reviews?.['type'], reviews?.['lbPolicy']],
    ['3s', 'STRICT_DNS', 'RANDOM'],
  );
  assert.deepEqual(Object.keys(reviews?.['metadata']['filterMetadata'] ?? {}).sort(), ['a', 'istio']);
  assert.equal(mesh.cluster('outbound|9080||details.default.svc.cluster.local')?.['connectTimeout'], '10s');
  assert.equal(mesh.cluster('BlackHoleCluster'), undefined);
  const names = allResources(mesh.engine, mesh.view(), 'cluster').map(({ name }) => name);
  assert.equal(names.filter((name) => name === 'mine').length, 1);
});

test('inbound clusters are known by the services of the workload, and one of several transports by its name', async () => {
  const tls = 'envoy.transport_sockets.tls';
  const context = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
  const reviews = 'outbound|9080||reviews.default.svc.cluster.local';
  const mesh = await meshWith({
    configPatches: [
      {
        applyTo: 'CLUSTER',
        match: { context: 'SIDECAR_INBOUND', cluster: { service: 'productpage.default.svc.cluster.local' } },
        patch: { operation: 'MERGE', value: { connect_timeout: '3s' } },
      },
      {
        applyTo: 'CLUSTER',
        match: { cluster: { name: reviews } },
        patch: {
          operation: 'MERGE',
          value: {
            transport_socket: {
              name: tls,
              typed_config: { '@type': context, max_session_keys: 7 },
            },
          },
        },
      },
    ],
  });
  assert.equal(mesh.cluster('inbound|9080||')?.['connectTimeout'], '3s');
  assert.equal(
    mesh.cluster('outbound|9080||productpage.default.svc.cluster.local')?.['connectTimeout'],
    '10s',
  );
  const { transportSocket, transportSocketMatches: matches } = mesh.cluster(reviews);
  assert.equal(transportSocket, undefined);
  const merged = matches.find((match: Json) => match['transportSocket']['name'] === tls)['transportSocket'];
  assert.equal(merged['typedConfig']['maxSessionKeys'], 7);
  assert.ok(merged['typedConfig']['commonTlsContext'], 'what the patch does not say stays');
});

test('listeners and their chains and filters are changed by port, in the captured one by the port of the chain', async () => {
  const mesh = await meshWith({
    configPatches: [
      {
        applyTo: 'LISTENER',
        match: { context: 'SIDECAR_OUTBOUND', listener: { portNumber: 9080 } },
        patch: { operation: 'MERGE', value: { per_connection_buffer_limit_bytes: 4096 } },
      },
      {
        applyTo: 'LISTENER_FILTER',
        match: {
          context: 'SIDECAR_INBOUND',
          listener: { listenerFilter: 'envoy.filters.listener.http_inspector' },
        },
        patch: { operation: 'REMOVE' },
      },
      {
        applyTo: 'FILTER_CHAIN',
        match: { context: 'SIDECAR_INBOUND', listener: { portNumber: 9080 } },
        patch: { operation: 'MERGE', value: { name: 'mine' } },
      },
    ],
  });
  assert.equal(mesh.listener('0.0.0.0_9080')?.['perConnectionBufferLimitBytes'], 4096);
  const inbound = mesh.listener('virtualInbound');
  assert.equal(inbound?.['perConnectionBufferLimitBytes'], undefined);
  assert.ok(!JSON.stringify(inbound?.['listenerFilters']).includes('http_inspector'));
  const named = inbound?.['filterChains'].filter((chain: Json) => chain['name'] === 'mine') ?? [];
  assert.ok(named.length > 0);
  for (const chain of named) assert.equal(chain['filterChainMatch']['destinationPort'], 9080);
});

test('a filter holds where its selector, namespace and version say, in order of namespace and priority', async () => {
  const mark = (key: string, more: Partial<Spec> = {}, proxyVersion?: string): Spec => ({
    ...more,
    configPatches: [
      {
        applyTo: 'CLUSTER' as const,
        match: {
          cluster: { name: 'BlackHoleCluster' },
          ...(proxyVersion === undefined ? {} : { proxy: { proxyVersion } }),
        },
        patch: { operation: 'MERGE' as const, value: { alt_stat_name: key } },
      },
    ],
  });
  const nameWith = async (...specs: readonly Spec[]) =>
    (await meshWith(...specs)).cluster('BlackHoleCluster')?.['altStatName'];
  assert.equal(await nameWith(mark('a'), mark('root', { namespace: 'istio-system' })), 'a');
  assert.equal(await nameWith(mark('a'), mark('root', { namespace: 'istio-system', priority: 9 })), 'root');
  assert.equal(await nameWith(mark('late', { priority: 1 }), mark('early', { priority: -1 })), 'late');
  assert.equal(await nameWith(mark('x', { workloadSelector: { labels: { app: 'details' } } })), undefined);
  assert.equal(await nameWith(mark('x', { namespace: 'other' })), undefined);
  assert.equal(await nameWith(mark('x', {}, '^1\\.9.*')), undefined);
  assert.equal(await nameWith(mark('x', {}, '^1\\.24.*')), 'x');
  const ofNode = (metadata: Readonly<Record<string, string>>): Spec => ({
    configPatches: [
      {
        applyTo: 'CLUSTER',
        match: { cluster: { name: 'BlackHoleCluster' }, proxy: { metadata } },
        patch: { operation: 'MERGE', value: { alt_stat_name: 'x' } },
      },
    ],
  });
  assert.equal(await nameWith(ofNode({ CLUSTER_ID: 'east' })), 'x');
  assert.equal(await nameWith(ofNode({ CLUSTER_ID: 'west' })), undefined);
});

test('proxies without filters share their resources as before, and a filter that goes takes its changes along', async () => {
  const mesh = await meshWith({
    configPatches: [{ applyTo: 'CLUSTER', patch: { operation: 'MERGE', value: { alt_stat_name: 'x' } } }],
  });
  const patched = resourceSets(mesh.view()).map(({ text }) => text);
  mesh.engine.advance([remove(envoyFilters, 'default/f0')]);
  mesh.filters.refresh();
  assert.equal(mesh.view().filters, undefined);
  assert.equal(mesh.cluster('BlackHoleCluster')?.['altStatName'], undefined);
  for (const [i, { text }] of resourceSets(mesh.view()).entries()) assert.ok(patched[i]?.endsWith(text));
});

test('patches have their turn by what they change, not by where they are written', async () => {
  const inInbound = {
    context: 'SIDECAR_INBOUND',
    listener: { filterChain: { filter: { name: manager } } },
  } as const;
  const withLimit = {
    ...inInbound,
    listener: { filterChain: { filter: { name: manager, subFilter: { name: localRateLimit.name } } } },
  };
  const header = (key: string) => ({ request_headers_to_add: [{ header: { key, value: '1' } }] });
  const outbound = { context: 'SIDECAR_OUTBOUND', routeConfiguration: { name: '9080' } } as const;
  const mesh = await meshWith({
    configPatches: [
      // A filter is merged after it was put in, and a host that is added is not patched any more.
      {
        applyTo: 'HTTP_FILTER',
        match: withLimit,
        patch: { operation: 'MERGE', value: { name: 'limit', is_optional: true } },
      },
      {
        applyTo: 'HTTP_FILTER',
        match: inInbound,
        patch: { operation: 'INSERT_FIRST', value: localRateLimit },
      },
      {
        applyTo: 'VIRTUAL_HOST',
        match: outbound,
        patch: { operation: 'ADD', value: { name: 'more', domains: ['more'] } },
      },
      { applyTo: 'VIRTUAL_HOST', match: outbound, patch: { operation: 'MERGE', value: header('x-host') } },
      {
        applyTo: 'ROUTE_CONFIGURATION',
        match: outbound,
        patch: { operation: 'MERGE', value: header('x-table') },
      },
    ],
  });
  for (const [first] of httpFilters(mesh.listener('virtualInbound'))) assert.equal(first, 'limit');
  const table = mesh.routes('9080');
  const hosts = table['virtualHosts'] as Json[];
  assert.equal(hosts.at(-1)['name'], 'more');
  assert.equal(hosts.at(-1)['requestHeadersToAdd'], undefined);
  assert.equal(hosts[0]['requestHeadersToAdd'].length, 1);
});

test('configurations of extensions are told to the proxies that ask for them by name, of several the last', async () => {
  const extension = (name: string, status: number) =>
    ({
      applyTo: 'EXTENSION_CONFIG',
      patch: {
        operation: 'ADD',
        value: {
          name,
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
            abort: { http_status: status, percentage: { numerator: 100 } },
          },
        },
      },
    }) as const;
  const mesh = await meshWith({
    configPatches: [extension('a', 418), extension('b', 451), extension('a', 429)],
  });
  const told = (name: string): Json => {
    const found = namedResource(mesh.engine, mesh.view(), 'extensionConfig', name);
    const decoded = found === undefined ? undefined : decode(TypedExtensionConfig, found.value);
    return decoded?.ok === true ? toJson(TypedExtensionConfig, decoded.value, { registry }) : undefined;
  };
  assert.equal(told('a')?.['typedConfig']?.['abort']?.['httpStatus'], 429);
  assert.equal(told('b')?.['typedConfig']?.['abort']?.['httpStatus'], 451);
  assert.equal(told('c'), undefined);
});

test('what is wrong in a patch is named by its path, and what will not do as it says is warned of', () => {
  const decoded = decodePatches(
    {
      configPatches: [
        { applyTo: 'CLUSTER', patch: { operation: 'MERGE', value: { conect_timeout: '1s' } } },
        { applyTo: 'ROUTE_CONFIGURATION', patch: { operation: 'ADD', value: {} } },
        { applyTo: 'BOOTSTRAP', patch: { operation: 'MERGE', value: {} } },
        { applyTo: 'CLUSTER', patch: { operation: 'REPLACE', value: {} } },
        {
          applyTo: 'HTTP_FILTER',
          patch: {
            operation: 'INSERT_FIRST',
            value: {
              name: 'lua',
              typed_config: {
                '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
                inline_code: '',
              },
            },
          },
        },
      ],
    },
    registry,
  );
  // Proxies of others may have it.
  assert.deepEqual(
    decoded.patches.map(({ applyTo }) => applyTo),
    ['HTTP_FILTER'],
  );
  assert.deepEqual(
    decoded.problems.map(({ path }) => path),
    ['spec.configPatches[0].patch.value.conect_timeout'],
  );
  assert.deepEqual(decoded.warnings.map(formatProblem), [
    'spec.configPatches[1].patch.operation: ADD does nothing to ROUTE_CONFIGURATION: the patch has no effect',
    'spec.configPatches[2].applyTo: BOOTSTRAP is not acted on: the patch has no effect',
    'spec.configPatches[3].patch.operation: REPLACE does nothing to CLUSTER: the patch has no effect',
    "spec.configPatches[4].patch.value: envoy.extensions.filters.http.lua.v3.Lua runs programs of others: Lateen's proxies refuse the listener and keep the one they have",
  ]);
});
