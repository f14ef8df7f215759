import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { TestClock, silentLogger } from '@lateen/core';
import { decode } from '@lateen/protocol';
import { xdsTypes } from '@lateen/protocol/ads';
import { DeltaDiscoveryResponse, DiscoveryResponse } from '@lateen/protocol/envoy/service/discovery/v3';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import fc from 'fast-check';
import { put, remove, type Change } from '../engine/state.ts';
import { manifestChanges } from '../ingest/kubernetes/manifests.ts';
import { proxies, settings } from '../model/tables.ts';
import { viewOfProxy } from '../translate/proxy-view.ts';
import { allResources, namedResource } from '../translate/read-resources.ts';
import type { Connection } from './connection.ts';
import { DiscoveryServer } from './discovery-server.ts';
import { decodeNode } from './node.ts';
import type { PushedKind } from './resource-set.ts';

// A proxy that answers late, rejects, changes its mind, reads slowly and comes back must still end up with exactly
// what a proxy that has just connected would be sent.

const golden = new URL('../translate/golden/', import.meta.url);
const kinds = ['cluster', 'endpoint', 'listener', 'route'] as const;
const messageTypes = {
  cluster: Cluster,
  endpoint: ClusterLoadAssignment,
  listener: Listener,
  route: RouteConfiguration,
};
const routeNames = ['9080', '80', 'nothing.here:1'];
const endpointNames = [
  'outbound|9080||reviews.default.svc.cluster.local',
  'outbound|9080|v2|reviews.default.svc.cluster.local',
  'outbound|80||website.default.svc.cluster.local',
  'outbound|9080||ratings.default.svc.cluster.local',
];

function changesOf(file: string): Change[] {
  const changes = manifestChanges(readFileSync(new URL(file, golden), 'utf8'), file);
  assert.ok(changes.ok);
  return changes.value.filter((change) => change.table !== settings);
}
const base = changesOf('bookinfo.yaml');
const objects = ['jason', 'weights', 'websites', 'routing', 'scoping', 'policies', 'mutual-tls'].flatMap(
  (name) => changesOf(`${name}.yaml`),
);
/** Those of which each alone changes much: views (ports, policies), scopes, clusters, routes, endpoints. */
const potent = objects.filter(({ table, key }) =>
  [
    'services default/unnamed.default.svc.cluster.local',
    'peerAuthentications default/page',
    'sidecars default/default',
    'destinationRules default/reviews',
    'virtualServices default/reviews',
    'endpointSlices default/website-x',
    'services default/website.default.svc.cluster.local',
  ].includes(`${table.name} ${key}`),
);
assert.equal(new Set(potent.map((change) => change.key + change.table.name)).size, 7);

function proxyOf(labels: Readonly<Record<string, string>>) {
  const proxy = decodeNode({
    id: 'sidecar~10.244.0.11~page.default~default.svc.cluster.local',
    metadata: { LABELS: labels },
  });
  assert.ok(proxy.ok);
  return proxy.value;
}
const node = proxyOf({ app: 'productpage' });

type Kind = (typeof kinds)[number];
interface Response {
  readonly kind: Kind;
  readonly nonce: string;
}

/** A proxy as a state machine: what it has, what it wants, what it has not answered. */
class RandomProxy {
  readonly has: Readonly<Record<Kind, Map<string, string>>> = {
    cluster: new Map(),
    endpoint: new Map(),
    listener: new Map(),
    route: new Map(),
  };
  readonly wants: Readonly<Record<Kind, Set<string>>> = {
    cluster: new Set(),
    endpoint: new Set(),
    listener: new Set(),
    route: new Set(),
  };
  readonly unanswered: Response[] = [];
  #connection: Connection;
  #slow: (() => void) | undefined;
  #isSlow = false;

  readonly server: DiscoveryServer;
  readonly mode: Connection['mode'];

  constructor(server: DiscoveryServer, mode: Connection['mode']) {
    this.server = server;
    this.mode = mode;
    this.#connection = this.#connect();
  }

  #connect(): Connection {
    let current = true;
    const connection = this.server.attach(
      node,
      this.mode,
      {
        sendEncoded: (parts) => {
          if (current) this.#take(Buffer.concat(parts));
          return !this.#isSlow;
        },
        drained: () => new Promise((resolve) => (this.#slow = resolve)),
      },
      true,
    );
    this.#close = () => {
      current = false;
      this.server.detach(connection);
    };
    return connection;
  }
  #close = (): void => {};

  #take(bytes: Uint8Array): void {
    if (this.mode === 'delta') {
      const decoded = decode(DeltaDiscoveryResponse, bytes);
      assert.ok(decoded.ok);
      const kind = this.#kindOf(decoded.value.typeUrl);
      for (const { name = '', version = '' } of decoded.value.resources ?? [])
        this.has[kind].set(name, version);
      for (const name of decoded.value.removedResources ?? []) this.has[kind].delete(name);
      this.#expect({ kind, nonce: decoded.value.nonce ?? '' });
      return;
    }
    const decoded = decode(DiscoveryResponse, bytes);
    assert.ok(decoded.ok);
    const kind = this.#kindOf(decoded.value.typeUrl);
    if (kind === 'cluster' || kind === 'listener') this.has[kind].clear();
    for (const any of decoded.value.resources ?? []) {
      const message = decode<{ name?: string | undefined; clusterName?: string | undefined }>(
        messageTypes[kind],
        any.value,
      );
      assert.ok(message.ok);
      const name = message.value.name ?? message.value.clusterName ?? '';
      this.has[kind].set(name, Buffer.from(any.value).toString('base64'));
    }
    this.#expect({ kind, nonce: decoded.value.nonce ?? '' });
  }

  #kindOf(typeUrl: string | undefined): Kind {
    const kind = kinds.find((candidate) => xdsTypes[candidate].typeUrl === typeUrl);
    assert.ok(kind);
    return kind;
  }

  #expect(response: Response): void {
    // Never two of a kind on their way.
    assert.ok(!this.unanswered.some(({ kind }) => kind === response.kind), `two ${response.kind} at a time`);
    this.unanswered.push(response);
  }

  ask(kind: Kind, nonce = '', reject = false): void {
    const { typeUrl } = xdsTypes[kind];
    const error = reject ? { errorDetail: { code: 3, message: 'no' } } : {};
    if (this.mode === 'delta') {
      this.#connection.onDelta({ typeUrl, responseNonce: nonce, ...error });
      return;
    }
    this.#connection.onStateOfTheWorld({
      typeUrl,
      responseNonce: nonce,
      resourceNames: [...this.wants[kind]],
      ...error,
    });
  }

  start(): void {
    this.ask('cluster');
    this.ask('listener');
  }

  want(kind: 'endpoint' | 'route', name: string): void {
    if (this.wants[kind].has(name)) return;
    this.wants[kind].add(name);
    if (this.mode === 'delta') {
      this.#connection.onDelta({ typeUrl: xdsTypes[kind].typeUrl, resourceNamesSubscribe: [name] });
    } else this.#repeat(kind);
  }

  unwant(kind: 'endpoint' | 'route', name: string): void {
    if (!this.wants[kind].delete(name)) return;
    this.has[kind].delete(name);
    if (this.mode === 'delta') {
      this.#connection.onDelta({ typeUrl: xdsTypes[kind].typeUrl, resourceNamesUnsubscribe: [name] });
    } else this.#repeat(kind);
  }

  /** State of the world says all names again, with the nonce that it knows. */
  readonly #lastNonce = new Map<Kind, string>();
  #repeat(kind: Kind): void {
    const open = this.unanswered.findIndex((response) => response.kind === kind);
    const nonce = open === -1 ? this.#lastNonce.get(kind) : this.unanswered.splice(open, 1)[0]?.nonce;
    if (nonce !== undefined) this.#lastNonce.set(kind, nonce);
    this.ask(kind, nonce ?? '');
  }

  answer(reject: boolean): void {
    const response = this.unanswered.shift();
    if (response === undefined) return;
    this.#lastNonce.set(response.kind, response.nonce);
    this.ask(response.kind, response.nonce, reject);
  }

  slow(): void {
    this.#isSlow = true;
  }

  async fast(): Promise<void> {
    this.#isSlow = false;
    this.#slow?.();
    this.#slow = undefined;
    await Promise.resolve();
    await Promise.resolve();
  }

  comeBack(): void {
    this.#close();
    this.unanswered.length = 0;
    this.#lastNonce.clear();
    this.#slow = undefined;
    this.#isSlow = false;
    this.#connection = this.#connect();
    for (const kind of kinds) {
      if (this.mode === 'stateOfTheWorld') {
        if (kind === 'cluster' || kind === 'listener' || this.wants[kind].size > 0) this.ask(kind);
        continue;
      }
      this.#connection.onDelta({
        typeUrl: xdsTypes[kind].typeUrl,
        resourceNamesSubscribe: [...this.wants[kind]],
        initialResourceVersions: Object.fromEntries(this.has[kind]),
      });
    }
  }
}

/** What a proxy that asks for the same would be sent by a control plane that has just started. */
function expected(server: DiscoveryServer, proxy: RandomProxy): Record<Kind, Map<string, string>> {
  const { engine } = server;
  engine.advance([put(proxies, 'expected', node)]);
  const of = engine.get(viewOfProxy, 'expected');
  assert.ok(of);
  const show = (resource: { readonly version: string; readonly value: Uint8Array }): string =>
    proxy.mode === 'delta' ? resource.version : Buffer.from(resource.value).toString('base64');
  const listed = (kind: 'cluster' | 'listener'): Map<string, string> =>
    new Map(allResources(engine, of, kind).map((resource) => [resource.name, show(resource)]));
  const named = (kind: 'endpoint' | 'route'): Map<string, string> => {
    const map = new Map<string, string>();
    for (const name of proxy.wants[kind]) {
      const resource = namedResource(engine, of, kind, name);
      if (resource !== undefined) map.set(name, show(resource));
    }
    return map;
  };
  return {
    cluster: listed('cluster'),
    listener: listed('listener'),
    endpoint: named('endpoint'),
    route: named('route'),
  };
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      object: fc.constantFrom(...potent),
      gone: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const), reject: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('want' as const, 'unwant' as const),
      name: fc.constantFrom(...routeNames, ...endpointNames),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('slow' as const, 'fast' as const, 'comeBack' as const) }),
  },
);

for (const mode of ['delta', 'stateOfTheWorld'] as const) {
  test(`${mode}: after any conversation a proxy has exactly what the mesh says`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        const server = new DiscoveryServer({
          clock: new TestClock(),
          logger: silentLogger,
          identifier: 'test',
        });
        server.apply(base);
        const proxy = new RandomProxy(server, mode);
        proxy.start();
        for (const s of steps) {
          if (s.do === 'change') {
            const { object } = s;
            server.apply([s.gone ? remove(object.table, object.key) : object]);
          } else if (s.do === 'answer') proxy.answer(s.reject);
          else if (s.do === 'want') proxy.want(routeNames.includes(s.name) ? 'route' : 'endpoint', s.name);
          else if (s.do === 'unwant')
            proxy.unwant(routeNames.includes(s.name) ? 'route' : 'endpoint', s.name);
          else if (s.do === 'slow') proxy.slow();
          else if (s.do === 'fast') await proxy.fast();
          else proxy.comeBack();
        }
        for (let i = 0; i < 50; i++) {
          await proxy.fast();
          proxy.answer(false);
        }
        assert.equal(proxy.unanswered.length, 0);
        const want = expected(server, proxy);
        for (const kind of kinds) {
          const has = mode === 'delta' ? proxy.has[kind] : onlyWanted(proxy, kind, want[kind]);
          assert.deepEqual(Object.fromEntries(has), Object.fromEntries(want[kind]), kind);
        }
      }),
      { numRuns: 60 },
    );
  });
}

test('an endpoint that comes in the change that gives a proxy another view is sent', () => {
  const server = new DiscoveryServer({ clock: new TestClock(), logger: silentLogger, identifier: 'test' });
  server.apply(base);
  const proxy = new RandomProxy(server, 'delta');
  proxy.start();
  const name = 'outbound|9080|v2|reviews.default.svc.cluster.local';
  const answerAll = (): void => {
    for (let i = 0; i < 10; i++) proxy.answer(false);
  };
  proxy.want('endpoint', name);
  answerAll();
  assert.equal(proxy.has.endpoint.has(name), false);
  // A label of the clients is asked for by the rule that also brings the subset.
  const changes = manifestChanges(
    `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: default }
spec:
  host: reviews
  workloadSelector: { matchLabels: { app: productpage } }
  subsets: [{ name: v2, labels: { version: v2 } }]
`,
    'test',
  );
  assert.ok(changes.ok);
  server.apply(changes.value.filter((change) => change.table !== settings));
  answerAll();
  assert.equal(proxy.has.endpoint.has(name), true);
});

/** State of the world cannot take a named resource away: what is gone stays with the proxy until it lets go. */
function onlyWanted(proxy: RandomProxy, kind: PushedKind & Kind, want: ReadonlyMap<string, string>) {
  if (kind === 'cluster' || kind === 'listener') return proxy.has[kind];
  return new Map([...proxy.has[kind]].filter(([name]) => want.has(name)));
}
