import { isObject } from '@lateen/config';
import { configId, fullHost, type MeshConfig } from '../config/mesh-config.ts';
import type { GraphEdge, GraphNode, MeshDocument, Traffic, VersionRow } from '../documents.ts';
import type { SourceObject } from '../mesh-source.ts';
import { emptyCounters, type Counters } from '../metrics/proxy-reading.ts';
import { addCounters, trafficOf } from '../metrics/rates.ts';
import type { MeasuredPod, Measurements } from '../metrics/traffic-meter.ts';
import { HostIndex, hostsOf } from './host-index.ts';
import { touchingConfig } from './touching-config.ts';
import { hasLabels, podRow, type App, type AppVersion } from './workloads.ts';

export interface GraphInput {
  readonly apps: readonly App[];
  readonly config: MeshConfig;
  readonly measurements: Measurements;
}

/** Makes the graph of the mesh: who there is, who calls whom and how it goes. */
export function meshGraph({ apps, config, measurements }: GraphInput): MeshDocument {
  const hosts = new HostIndex(apps, config);
  const externals = externalNodes(config, hosts);
  const edges = new EdgeSet();
  for (const app of apps) {
    for (const version of app.versions) {
      addTraffic(edges, app, version, { hosts, externals, measurements });
    }
    if (app.kind === 'gateway') addConfiguredEdges(edges, app, config, hosts, externals);
  }
  const nodes = apps.map((app) => nodeOf(app, config, hosts, measurements));
  // What led nowhere some time ago is of no interest any more.
  const shown = edges
    .list()
    .filter(({ to, traffic }) => to !== unknownNode.id || (traffic?.requestsPerSecond ?? 0) > 0);
  const called = new Set(shown.map(({ to }) => to));
  const others = [...externals.values(), unknownNode].filter(({ id }) => called.has(id));
  return {
    nodes: [...nodes, ...others],
    edges: shown,
    isMeasured: measurements.isMeasured,
    unread: measurements.unread,
  };
}

const unknownNode: GraphNode = {
  id: 'unknown',
  name: 'unknown',
  namespace: 'no service of the mesh',
  kind: 'unknown',
  hosts: [],
  ports: [],
  versions: [],
  config: [],
};

function nodeOf(app: App, config: MeshConfig, hosts: HostIndex, measurements: Measurements): GraphNode {
  const shares = wantedShares(app, config, hosts);
  return {
    id: app.id,
    name: app.name,
    namespace: app.namespace,
    kind: app.kind,
    hosts: hostsOf(app),
    ports: portsOf(app.services),
    versions: app.versions.map((version): VersionRow => {
      const traffic = arrivingTraffic(app, version, measurements);
      const wantedShare = shares?.get(version.name);
      return {
        name: version.name,
        workloads: version.workloads,
        pods: version.pods.map(podRow),
        ...(traffic === undefined ? {} : { traffic }),
        ...(wantedShare === undefined ? {} : { wantedShare }),
      };
    }),
    config: touchingConfig(app, config),
  };
}

function portsOf(services: readonly SourceObject[]): string[] {
  const texts = services.flatMap((service) => {
    const ports = isObject(service['spec']) ? service['spec']['ports'] : undefined;
    return (Array.isArray(ports) ? ports : [])
      .filter(isObject)
      .map(({ name, port }) => (typeof name === 'string' && name !== '' ? `${port} ${name}` : String(port)));
  });
  return [...new Set(texts)];
}

function measuredPods(version: AppVersion, measurements: Measurements): MeasuredPod[] {
  return version.pods.flatMap(
    ({ metadata }) => measurements.pods.get(`${metadata.namespace ?? ''}/${metadata.name}`) ?? [],
  );
}

/** What arrives at the pods of a version; for a gateway what it passes on. */
function arrivingTraffic(app: App, version: AppVersion, measurements: Measurements): Traffic | undefined {
  const total = new TrafficSum();
  for (const pod of measuredPods(version, measurements)) {
    if (pod.spanMs === 0) continue;
    if (app.kind !== 'gateway') {
      if (pod.inbound !== undefined) total.add(pod.inbound, pod.spanMs);
    } else for (const { counted } of pod.outbound) total.add(counted, pod.spanMs);
  }
  return total.traffic();
}

interface EdgeParts {
  readonly hosts: HostIndex;
  readonly externals: ReadonlyMap<string, GraphNode>;
  readonly measurements: Measurements;
}

function addTraffic(edges: EdgeSet, app: App, version: AppVersion, parts: EdgeParts): void {
  const { hosts, externals, measurements } = parts;
  for (const pod of measuredPods(version, measurements)) {
    for (const { key, counted } of pod.outbound) {
      const known = hosts.app(key.host)?.id ?? externals.get(key.host)?.id;
      // The services of the control plane and of the cluster itself are left out of the graph.
      if (known === undefined && key.host.endsWith('.svc.cluster.local')) continue;
      const to = known ?? unknownNode.id;
      if (to === app.id) continue;
      const toVersion = hosts.version(key.host, key.subset, key.workload);
      edges.addTraffic({ from: app.id, fromVersion: version.name, to, toVersion, protocol: key.protocol }, [
        counted,
        pod.spanMs,
      ]);
    }
  }
}

/** The gateways' routes, so that the way into the mesh is seen before anybody took it. */
function addConfiguredEdges(
  edges: EdgeSet,
  app: App,
  config: MeshConfig,
  hosts: HostIndex,
  externals: ReadonlyMap<string, GraphNode>,
): void {
  for (const version of app.versions) {
    const own = config.view.gateways.filter(({ spec }) =>
      version.pods.some((pod) => hasLabels(pod, spec.selector ?? {})),
    );
    const names = new Set(own.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
    for (const { metadata, spec } of config.view.virtualServices) {
      const bound = (spec.gateways ?? []).some((gateway) =>
        names.has(gateway.includes('/') ? gateway : `${metadata.namespace}/${gateway}`),
      );
      if (!bound) continue;
      const rules = config.rulesOf.get(configId('VirtualService', metadata.namespace, metadata.name)) ?? [];
      for (const { host } of rules.flatMap(({ destinations }) => destinations)) {
        const to = hosts.app(host)?.id ?? externals.get(host)?.id;
        if (to !== undefined) edges.configure(app.id, version.name, to);
      }
    }
  }
}

/** What the default rule of a VirtualService gives each version; undefined where no rule names subsets. */
function wantedShares(app: App, config: MeshConfig, hosts: HostIndex): Map<string, number> | undefined {
  const own = new Set(hostsOf(app));
  for (const rules of config.rulesOf.values()) {
    const rule = rules.find(({ matchesAll }) => matchesAll);
    const destinations = (rule?.destinations ?? []).filter(({ host }) => own.has(host));
    if (destinations.length === 0 || destinations.some(({ subset }) => subset === undefined)) continue;
    const total = destinations.reduce((sum, { weight = 0 }) => sum + weight, 0);
    if (total === 0) continue;
    const shares = new Map(app.versions.map(({ name }) => [name, 0]));
    for (const { host, subset = '', weight = 0 } of destinations) {
      const versions = hosts.versionsOfSubset(host, subset);
      for (const name of versions) {
        shares.set(name, (shares.get(name) ?? 0) + weight / total / versions.length);
      }
    }
    return shares;
  }
  return undefined;
}

/** Hosts of ServiceEntries that no pod of the cluster stands behind, by host. */
function externalNodes(config: MeshConfig, hosts: HostIndex): Map<string, GraphNode> {
  const nodes = new Map<string, GraphNode>();
  for (const { metadata, spec } of config.view.serviceEntries) {
    for (const host of spec.hosts) {
      if (hosts.app(fullHost(host, metadata.namespace)) !== undefined) continue;
      nodes.set(host, {
        id: `${metadata.namespace ?? ''}/${host}`,
        name: host,
        namespace: metadata.namespace ?? '',
        kind: 'external',
        hosts: [host],
        ports: (spec.ports ?? []).map(({ number, name }) => `${number} ${name}`),
        versions: [],
        config: [configId('ServiceEntry', metadata.namespace, metadata.name)],
      });
    }
  }
  return nodes;
}

/** Adds up what several pods counted, each over its own span. */
class TrafficSum {
  readonly #counted: Counters = emptyCounters();
  #requestsPerSecond = 0;
  #isMeasured = false;

  add(counted: Counters, spanMs: number): void {
    addCounters(this.#counted, counted);
    this.#requestsPerSecond += (counted.requests * 1000) / spanMs;
    this.#isMeasured = true;
  }

  traffic(): Traffic | undefined {
    if (!this.#isMeasured) return undefined;
    return { ...trafficOf(this.#counted, 0), requestsPerSecond: this.#requestsPerSecond };
  }
}

interface EdgeKey {
  readonly from: string;
  readonly fromVersion: string;
  readonly to: string;
  readonly toVersion: string | undefined;
  readonly protocol: 'http' | 'tcp';
}

class EdgeSet {
  readonly #edges = new Map<
    string,
    { readonly key: EdgeKey; readonly sum: TrafficSum; configured: boolean }
  >();

  addTraffic(key: EdgeKey, [counted, spanMs]: readonly [Counters, number]): void {
    const { sum } = this.#edge(key);
    if (spanMs > 0) sum.add(counted, spanMs);
  }

  /** Marks what configuration leads to; one with traffic is marked, else a new one is made. */
  configure(from: string, fromVersion: string, to: string): void {
    const known = [...this.#edges.values()].filter(
      ({ key }) => key.from === from && key.fromVersion === fromVersion && key.to === to,
    );
    for (const edge of known) edge.configured = true;
    if (known.length > 0) return;
    this.#edge({ from, fromVersion, to, toVersion: undefined, protocol: 'http' }).configured = true;
  }

  list(): GraphEdge[] {
    return [...this.#edges]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { key, sum, configured }]): GraphEdge => {
        const { toVersion, ...rest } = key;
        const traffic = sum.traffic();
        return {
          ...rest,
          ...(toVersion === undefined ? {} : { toVersion }),
          ...(traffic === undefined ? {} : { traffic }),
          isConfigured: configured,
        };
      });
  }

  #edge(key: EdgeKey) {
    const id = JSON.stringify([key.from, key.fromVersion, key.to, key.toVersion ?? '', key.protocol]);
    let edge = this.#edges.get(id);
    if (edge === undefined) this.#edges.set(id, (edge = { key, sum: new TrafficSum(), configured: false }));
    return edge;
  }
}
