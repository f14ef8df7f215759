import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { formatProblem } from '@lateen/core';
import { decode, toJson, typeRegistry, type MessageType } from '@lateen/protocol';
import { allTypes } from '@lateen/protocol/all-types';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { messageValidator } from '@lateen/protocol/validate';
import { Engine } from '../engine/engine.ts';
import { put, remove } from '../engine/state.ts';
import { manifestChanges } from '../ingest/kubernetes/manifests.ts';
import { defaultMeshSettings } from '../model/mesh-settings.ts';
import {
  authorizationPolicies,
  emptyMesh,
  proxies,
  settings,
  settingsKey,
  virtualServices,
} from '../model/tables.ts';
import { decodeNode } from '../push/node.ts';
import { viewOfProxy, type ProxyView } from './proxy-view.ts';
import { allResources, namedResource } from './read-resources.ts';
import type { EncodedResource } from './resource.ts';

// Manifests in, resources out. After a change that is meant: node --test --test-update-snapshots, and read the diff.

const folder = new URL('./golden/', import.meta.url);
const registry = typeRegistry(allTypes);
const types: readonly MessageType<object>[] = [
  Cluster,
  ClusterLoadAssignment,
  Listener,
  RouteConfiguration,
  Secret,
];

const productpage = {
  id: 'sidecar~10.244.0.11~productpage-v1-aaa-11111.default~default.svc.cluster.local',
  metadata: { NAMESPACE: 'default', LABELS: { app: 'productpage', version: 'v1' } },
};
const ingress = {
  id: 'router~10.244.0.40~istio-ingressgateway-a-1.istio-system~istio-system.svc.cluster.local',
  metadata: { NAMESPACE: 'istio-system', LABELS: { app: 'istio-ingressgateway', istio: 'ingressgateway' } },
};

function meshOf(...files: readonly string[]): Engine {
  const engine = new Engine(emptyMesh());
  const text = files.map((file) => readFileSync(new URL(file, folder), 'utf8')).join('\n---\n');
  const changes = manifestChanges(text, files.join('+'));
  assert.ok(changes.ok, changes.ok ? '' : changes.problems.map(formatProblem).join('\n'));
  engine.advance(changes.value);
  return engine;
}

function viewFor(engine: Engine, node: { readonly id: string; readonly metadata: object }): ProxyView {
  const proxy = decodeNode(node as Parameters<typeof decodeNode>[0]);
  assert.ok(proxy.ok);
  engine.advance([put(proxies, 'it', proxy.value)]);
  const view = engine.get(viewOfProxy, 'it');
  assert.ok(view);
  return view;
}

function expand(resource: EncodedResource | undefined): unknown {
  if (resource === undefined) return null;
  const type = types.find((candidate) => candidate.typeUrl === resource.typeUrl);
  assert.ok(type);
  const decoded = decode(type, resource.value);
  assert.ok(decoded.ok);
  // Envoy would refuse what breaks a constraint of its API.
  assert.deepEqual(messageValidator.validate(type, decoded.value, registry), [], resource.name);
  return toJson(type, decoded.value, { registry });
}

/** Compares with the file of that name beside the manifests. */
function matchesFile(t: TestContext, name: string, value: unknown): void {
  const path = new URL(`${name}.json`, folder).pathname;
  t.assert.fileSnapshot(value, path, {
    serializers: [(json: unknown) => `${JSON.stringify(json, null, 2)}\n`],
  });
}

const named = (resources: readonly EncodedResource[], wanted: RegExp): unknown[] =>
  resources.filter((resource) => wanted.test(resource.name)).map(expand);
const namesOf = (resources: readonly EncodedResource[]): string[] => resources.map((r) => r.name);

test('a sidecar of Bookinfo gets listeners, clusters, routes and endpoints as Istio shapes them', (t) => {
  const engine = meshOf('bookinfo.yaml');
  const of = viewFor(engine, productpage);
  const clusters = allResources(engine, of, 'cluster');
  const listeners = allResources(engine, of, 'listener');
  matchesFile(t, 'bookinfo.names', { clusters: namesOf(clusters), listeners: namesOf(listeners) });
  matchesFile(t, 'bookinfo.clusters', named(clusters, /details|inbound|Passthrough|BlackHole/i));
  matchesFile(t, 'bookinfo.listeners', named(listeners, /virtual|_9080|_443/));
  matchesFile(t, 'bookinfo.routes', expand(namedResource(engine, of, 'route', '9080')));
  matchesFile(
    t,
    'bookinfo.endpoints',
    expand(namedResource(engine, of, 'endpoint', 'outbound|9080||reviews.default.svc.cluster.local')),
  );
});

test('a header chooses the version, a fault delays, and subsets become clusters', (t) => {
  const engine = meshOf('bookinfo.yaml', 'jason.yaml');
  const of = viewFor(engine, productpage);
  matchesFile(t, 'jason.routes', expand(namedResource(engine, of, 'route', '9080')));
  matchesFile(t, 'jason.clusters', named(allResources(engine, of, 'cluster'), /reviews/));
  matchesFile(
    t,
    'jason.endpoints',
    ['v2', 'v3', 'nobody'].map((subset) =>
      expand(
        namedResource(engine, of, 'endpoint', `outbound|9080|${subset}|reviews.default.svc.cluster.local`),
      ),
    ),
  );
});

test('weights become a weighted cluster', (t) => {
  const engine = meshOf('bookinfo.yaml', 'weights.yaml');
  const of = viewFor(engine, productpage);
  matchesFile(t, 'weights.routes', expand(namedResource(engine, of, 'route', '9080')));
});

test('a gateway listens at the target port of its service and routes the product page', (t) => {
  const engine = meshOf('bookinfo.yaml', 'gateway.yaml');
  const of = viewFor(engine, ingress);
  matchesFile(t, 'gateway.listeners', allResources(engine, of, 'listener').map(expand));
  matchesFile(t, 'gateway.routes', expand(namedResource(engine, of, 'route', 'http.8080')));
});

test('gateways take the client certificate and the roots of a server outside from a secret, sidecars do not', (t) => {
  const engine = meshOf('bookinfo.yaml', 'credentials.yaml');
  const socketsFor = (node: typeof ingress) =>
    named(allResources(engine, viewFor(engine, node), 'cluster'), /example/).map((cluster) => {
      const { name, transportSocket } = cluster as { name: string; transportSocket?: unknown };
      return { name, transportSocket };
    });
  matchesFile(t, 'credentials.gateway', socketsFor(ingress));
  matchesFile(t, 'credentials.sidecar', socketsFor(productpage as unknown as typeof ingress));
});

test('of two rules for the same hosts of a gateway both are reached, the one for all requests last', (t) => {
  const engine = meshOf('bookinfo.yaml', 'websites.yaml');
  const of = viewFor(engine, ingress);
  matchesFile(t, 'websites.routes', expand(namedResource(engine, of, 'route', 'http.8080')));
  const endpoints = ['', 'version-1', 'version-3'].map((subset) =>
    expand(namedResource(engine, of, 'endpoint', `outbound|80|${subset}|website.default.svc.cluster.local`)),
  );
  matchesFile(t, 'websites.endpoints', endpoints);
});

test('routes of a gateway ask for claims of the token that it has verified', (t) => {
  const engine = meshOf('bookinfo.yaml', 'claims.yaml');
  const of = viewFor(engine, ingress);
  matchesFile(t, 'claims.routes', expand(namedResource(engine, of, 'route', 'http.8080')));
});

test('a gateway without rules answers 404 from an empty virtual host', () => {
  const engine = meshOf('bookinfo.yaml', 'gateway.yaml');
  engine.advance([remove(virtualServices, 'default/bookinfo')]);
  const of = viewFor(engine, ingress);
  const routes = expand(namedResource(engine, of, 'route', 'http.8080')) as {
    virtualHosts: unknown;
  };
  assert.deepEqual(routes.virtualHosts, [{ name: 'blackhole:80', domains: ['*'] }]);
  assert.equal(namedResource(engine, of, 'route', 'http.9999'), undefined);
});

test('what stands before a gateway is said by the mesh, or by the gateway itself', () => {
  const engine = meshOf('bookinfo.yaml', 'gateway.yaml', 'topology.yaml');
  const listenerOf = (own: object) => {
    const node = { id: ingress.id, metadata: { ...ingress.metadata, ...own } };
    const [listener] = named(
      allResources(engine, viewFor(engine, node), 'listener'),
      /^0\.0\.0\.0_8080$/,
    ) as { listenerFilters?: { name: string }[]; filterChains: { filters: { typedConfig: object }[] }[] }[];
    const manager = listener?.filterChains[0]?.filters[0]?.typedConfig as Record<string, unknown> | undefined;
    const names = listener?.listenerFilters?.map(({ name }) => name);
    return {
      xffNumTrustedHops: manager?.['xffNumTrustedHops'],
      forwardClientCertDetails: manager?.['forwardClientCertDetails'],
      names,
    };
  };
  assert.deepEqual(listenerOf({}), {
    xffNumTrustedHops: 1,
    forwardClientCertDetails: 'APPEND_FORWARD',
    names: undefined,
  });
  const annotation = 'gatewayTopology: { numTrustedProxies: 2, proxyProtocol: {} }';
  assert.deepEqual(listenerOf({ ANNOTATIONS: { 'proxy.istio.io/config': annotation } }), {
    xffNumTrustedHops: 2,
    forwardClientCertDetails: 'APPEND_FORWARD',
    names: ['envoy.filters.listener.proxy_protocol'],
  });
});

test('every way to match and to act on a request is translated', (t) => {
  const engine = meshOf('bookinfo.yaml', 'routing.yaml');
  const of = viewFor(engine, productpage);
  matchesFile(t, 'routing.routes', expand(namedResource(engine, of, 'route', '9080')));
});

test('policies shape clusters, and each kind of service gets its listeners', (t) => {
  const engine = meshOf('bookinfo.yaml', 'policies.yaml');
  const of = viewFor(engine, productpage);
  matchesFile(
    t,
    'policies.clusters',
    named(
      allResources(engine, of, 'cluster'),
      /outbound.*(reviews|details|httpbin|db|wild|headless|unnamed)/,
    ),
  );
  const listeners = allResources(engine, of, 'listener');
  matchesFile(t, 'policies.listeners', named(listeners, /_443|_3306|_9000|_8000|_700/));
  matchesFile(
    t,
    'policies.routes',
    ['80', 'unnamed.default.svc.cluster.local:7000'].map((name) =>
      expand(namedResource(engine, of, 'route', name)),
    ),
  );
});

test('connections to MongoDB are watched, and Redis is spoken where the mesh asks for it', (t) => {
  const engine = meshOf('bookinfo.yaml', 'databases.yaml');
  const of = viewFor(engine, productpage);
  const resources = (): unknown[] => [
    ...named(allResources(engine, of, 'listener'), /_27017|_6379/),
    ...named(allResources(engine, of, 'cluster'), /outbound\|6379/),
  ];
  matchesFile(t, 'databases', resources());
  engine.advance([
    put(settings, settingsKey, { ...defaultMeshSettings, mongoFilter: false, redisFilter: true }),
  ]);
  matchesFile(t, 'databases.redis', resources());
});

test('a Sidecar limits what is told, and a delegate’s rules stand where it is named', (t) => {
  const engine = meshOf('bookinfo.yaml', 'scoping.yaml');
  const of = viewFor(engine, productpage);
  matchesFile(t, 'scoping', {
    clusters: namesOf(allResources(engine, of, 'cluster')),
    listeners: namesOf(allResources(engine, of, 'listener')),
    routes: expand(namedResource(engine, of, 'route', '9080')),
  });
});

test('a Sidecar opens the ports of its workload, and says where the application is', (t) => {
  const engine = meshOf('bookinfo.yaml', 'ingress.yaml');
  const of = viewFor(engine, productpage);
  const [listener] = named(allResources(engine, of, 'listener'), /virtualInbound/) as {
    filterChains: readonly { filterChainMatch: { destinationPort?: number } }[];
  }[];
  const ports = listener?.filterChains.flatMap(({ filterChainMatch: { destinationPort } }) =>
    destinationPort === undefined ? [] : destinationPort,
  );
  assert.deepEqual([...new Set(ports)], [15_006, 7001, 7002, 7004, 9080]);
  matchesFile(t, 'ingress.clusters', named(allResources(engine, of, 'cluster'), /^inbound/));
});

test('mutual TLS is used where both ends take it, and accepted as the policies say', (t) => {
  const engine = meshOf('bookinfo.yaml', 'mutual-tls.yaml');
  const of = viewFor(engine, productpage);
  const clusters = named(allResources(engine, of, 'cluster'), /reviews|details|ratings|example/);
  matchesFile(t, 'mutual-tls.clusters', clusters);
  matchesFile(t, 'mutual-tls.listeners', named(allResources(engine, of, 'listener'), /virtualInbound/));
  const name = 'outbound|9080||reviews.default.svc.cluster.local';
  matchesFile(t, 'mutual-tls.endpoints', expand(namedResource(engine, of, 'endpoint', name)));
});

/** The filters of a listener's chains that decide who may pass, by the chains' names. */
function securityOf(listener: unknown): unknown {
  const { filterChains } = listener as {
    filterChains: readonly { name?: string; filters: readonly Json[] }[];
  };
  const chosen = (filters: readonly Json[]): Json[] =>
    filters.filter((filter) => /rbac|jwt|ext_authz/.test(String(filter['name'])));
  return filterChains.map(({ name, filters }) => ({
    name,
    network: chosen(filters),
    http: filters.flatMap((filter) =>
      chosen((filter['typedConfig'] as { httpFilters?: Json[] }).httpFilters ?? []),
    ),
  }));
}
type Json = Readonly<Record<string, unknown>>;

test('who may pass is decided by the policies of the workload, its namespace and the mesh', (t) => {
  const engine = meshOf('bookinfo.yaml', 'authorization.yaml');
  engine.advance([
    put(settings, settingsKey, {
      ...defaultMeshSettings,
      trustDomain: 'new.example',
      trustDomainAliases: ['old.example'],
    }),
  ]);
  const of = viewFor(engine, productpage);
  const [inbound] = named(allResources(engine, of, 'listener'), /virtualInbound/);
  const [passthrough, http] = (
    securityOf(inbound) as readonly { name: string; network: Json[]; http: Json[] }[]
  )
    .filter(({ network, http: filters }) => network.length + filters.length > 0)
    .filter(({ name }, i, all) => all.findIndex((other) => other.name === name) === i);
  assert.equal(http?.name, '0.0.0.0_9080');
  assert.deepEqual(http.network, []);
  assert.deepEqual(passthrough?.http, http.http);
  const tcp = (securityOf(inbound) as readonly { network: Json[] }[]).find(
    ({ network }) => network.length > 0,
  );
  matchesFile(t, 'authorization.http', http.http);
  matchesFile(t, 'authorization.tcp', tcp?.network);
});

test('a gateway asks by the policies of its own namespace, also what it passes on as it is', (t) => {
  const engine = meshOf('bookinfo.yaml', 'https.yaml', 'authorization.yaml');
  const listeners = allResources(engine, viewFor(engine, ingress), 'listener').map(expand);
  matchesFile(t, 'authorization.gateway', listeners.map(securityOf));
});

test('a service of the mesh is asked about what a policy is about, and where it is not there all that is refused', (t) => {
  const engine = meshOf('bookinfo.yaml', 'custom-action.yaml');
  const filters = (): unknown => {
    const [inbound] = named(allResources(engine, viewFor(engine, productpage), 'listener'), /virtualInbound/);
    const chains = securityOf(inbound) as readonly { name: string; network: Json[]; http: Json[] }[];
    return {
      http: chains.find(({ http }) => http.length > 0)?.http,
      network: chains.find(({ http, network }) => http.length === 0 && network.length > 0)?.network,
    };
  };
  matchesFile(t, 'custom-action.http', filters());
  const mesh = engine.state.row(settings, settingsKey) ?? defaultMeshSettings;
  const ask = (name: string): void => {
    const policy = engine.state.row(authorizationPolicies, 'default/asked');
    assert.ok(policy);
    engine.advance([
      put(authorizationPolicies, 'default/asked', {
        ...policy,
        spec: { ...policy.spec, provider: { name } },
      }),
    ]);
  };
  ask('by-grpc');
  matchesFile(t, 'custom-action.grpc', filters());
  ask('of-nobody');
  const missing = filters();
  matchesFile(t, 'custom-action.missing', missing);
  ask('by-http');
  engine.advance([put(settings, settingsKey, { ...mesh, authorizationProviders: [] })]);
  assert.deepEqual(filters(), missing);
});

test('policies of others change nothing of what a proxy is sent', () => {
  const plain = meshOf('bookinfo.yaml');
  const guarded = meshOf('bookinfo.yaml', 'authorization.yaml');
  const ratings = {
    id: 'sidecar~10.244.0.31~ratings-v1-a.other~other.svc.cluster.local',
    metadata: { NAMESPACE: 'other', LABELS: { app: 'ratings' } },
  };
  guarded.advance([remove(authorizationPolicies, 'istio-system/no-deletions')]);
  const of = (engine: Engine): unknown[] =>
    named(allResources(engine, viewFor(engine, ratings), 'listener'), /virtualInbound/);
  assert.deepEqual(of(guarded), of(plain));
});

test('how paths are normalised is always said', () => {
  const said = (pathNormalization: (typeof defaultMeshSettings)['pathNormalization']): unknown => {
    const engine = meshOf('bookinfo.yaml');
    engine.advance([put(settings, settingsKey, { ...defaultMeshSettings, pathNormalization })]);
    const [inbound] = named(allResources(engine, viewFor(engine, productpage), 'listener'), /virtualInbound/);
    const { filterChains } = inbound as { filterChains: { filters: { typedConfig: Json }[] }[] };
    const manager = filterChains
      .flatMap(({ filters }) => filters)
      .find((f) => 'httpFilters' in f.typedConfig);
    const { normalizePath, mergeSlashes, pathWithEscapedSlashesAction } = manager?.typedConfig ?? {};
    return [normalizePath, mergeSlashes, pathWithEscapedSlashesAction];
  };
  assert.deepEqual(said('NONE'), [false, undefined, 'KEEP_UNCHANGED']);
  assert.deepEqual(said('BASE'), [true, undefined, 'KEEP_UNCHANGED']);
  assert.deepEqual(said('MERGE_SLASHES'), [true, true, 'KEEP_UNCHANGED']);
  assert.deepEqual(said('DECODE_AND_MERGE_SLASHES'), [true, true, 'UNESCAPE_AND_FORWARD']);
});

test('a gateway ends TLS with the credentials of its namespace, or passes it on', (t) => {
  const engine = meshOf('bookinfo.yaml', 'https.yaml');
  const of = viewFor(engine, ingress);
  matchesFile(t, 'https.listeners', allResources(engine, of, 'listener').map(expand));
  matchesFile(
    t,
    'https.routes',
    ['http.8080', 'https.443.https.edge.default'].map((name) =>
      expand(namedResource(engine, of, 'route', name)),
    ),
  );
  const secret = (name: string): unknown => expand(namedResource(engine, of, 'secret', name));
  assert.deepEqual(secret('kubernetes://shop'), {
    name: 'kubernetes://shop',
    tlsCertificate: { certificateChain: { inlineBytes: 'Y2VydA==' }, privateKey: { inlineBytes: 'a2V5' } },
  });
  assert.deepEqual(secret('kubernetes://shop-cacert'), {
    name: 'kubernetes://shop-cacert',
    validationContext: { trustedCa: { inlineBytes: 'cm9vdHM=' } },
  });
  assert.equal(secret('kubernetes://nothing'), null);
});
