import { formatProblem } from '@lateen/core';
import { xdsTypes } from '@lateen/protocol/ads';
import type { KubernetesIngest } from '../ingest/kubernetes/adapter.ts';
import { ingestedKinds, tableOfKind } from '../ingest/kubernetes/config.ts';
import type { ConfigObject } from '../model/config-object.ts';
import { endpointsOf } from '../model/endpoints.ts';
import { serviceEntries, services } from '../model/tables.ts';
import { service } from '../model/registry.ts';
import type { Table } from '../engine/state.ts';
import type { Connection } from '../push/connection.ts';
import type { DiscoveryServer } from '../push/discovery-server.ts';
import { isListed, pushedKinds, type PushedKind } from '../push/resource-set.ts';
import { resourceSets, viewOfProxy, type Bound } from '../translate/proxy-view.ts';

/** What the pages show. */
export interface PageSources {
  readonly discovery: DiscoveryServer;
  readonly ingest: Pick<KubernetesIngest, 'quarantine' | 'counts'>;
}

/** Pages by path; each gives something that is shown as JSON. */
export const pages: Readonly<
  Record<
    string,
    { readonly about: string; readonly show: (sources: PageSources, query: URLSearchParams) => unknown }
  >
> = {
  '/debug/syncz': {
    about: 'how far each proxy has followed each kind of resources',
    show: ({ discovery }) => discovery.connections.map(syncStatus),
  },
  '/debug/adsz': {
    about: 'connections, with what they subscribed to',
    show: ({ discovery }) => ({
      totalClients: discovery.connections.length,
      resourceSets: discovery.resourceSets,
      clients: discovery.connections.map(connectionDetails),
    }),
  },
  '/debug/configz': {
    about: 'the configuration in force',
    show: ({ discovery }) => ingestedKinds.flatMap((kind) => configOf(discovery, kind)),
  },
  '/debug/quarantinez': {
    about: 'configuration that was set aside, and why',
    show: ({ ingest }) =>
      ingest.quarantine.list().map((object) => ({ ...object, problems: object.problems.map(formatProblem) })),
  },
  '/debug/registryz': {
    about: 'the services of the mesh',
    show: ({ discovery }) => serviceIds(discovery).flatMap((id) => discovery.engine.get(service, id) ?? []),
  },
  '/debug/endpointz': {
    about: 'the endpoints of each service',
    show: ({ discovery }) =>
      serviceIds(discovery).map((id) => ({ service: id, endpoints: discovery.engine.get(endpointsOf, id) })),
  },
  '/debug/originz': {
    about: 'the objects that a resource of a proxy rests on: ?proxyID=POD.NAMESPACE&kind=route&name=9080',
    show: ({ discovery }, query) => origins(discovery, query),
  },
  '/debug/enginez': {
    about: 'how the incremental engine fares',
    show: ({ discovery }) => ({
      stateVersion: discovery.engine.state.version,
      memos: discovery.engine.size,
      ...discovery.engine.stats,
    }),
  },
};

function serviceIds(discovery: DiscoveryServer): string[] {
  const { state } = discovery.engine;
  const ids = new Set(state.keys(services));
  for (const key of state.keys(serviceEntries)) {
    const entry = state.row(serviceEntries, key);
    for (const host of entry?.spec.hosts ?? []) ids.add(`${entry?.namespace}/${host}`);
  }
  return [...ids].sort();
}

function configOf(discovery: DiscoveryServer, kind: (typeof ingestedKinds)[number]): unknown[] {
  const { state } = discovery.engine;
  const table = tableOfKind[kind] as Table<ConfigObject<unknown>>;
  return state.keys(table).flatMap((key) => {
    const row = state.row(table, key);
    if (row === undefined) return [];
    const { namespace, name, createdMs, labels, annotations, spec } = row;
    const creationTimestamp = new Date(createdMs).toISOString();
    return [{ kind, metadata: { namespace, name, creationTimestamp, labels, annotations }, spec }];
  });
}

/**
 * What of the mesh decides about a resource, also what would if it existed: rows by `table[key]`, and the
 * lookups by which others would be found.
 */
function origins(discovery: DiscoveryServer, query: URLSearchParams): unknown {
  const connection = findConnection(discovery, query.get('proxyID') ?? '');
  const kind = pushedKinds.find((known) => known === query.get('kind'));
  if (connection === undefined || kind === undefined) {
    return { error: `name a connected proxy and one of ${pushedKinds.join(', ')}` };
  }
  const name = query.get('name') ?? '';
  const view = discovery.engine.get(viewOfProxy, connection.id);
  for (const { listed, named } of view === undefined ? [] : resourceSets(view)) {
    const bound: Bound<unknown> | undefined = isListed(kind) ? listed[kind] : named[kind]?.(name);
    const cells = bound === undefined ? undefined : discovery.engine.cellsUnder(bound.query, bound.key);
    if (cells === undefined) continue;
    const rows = cells.filter((label) => label.endsWith(']') && !label.endsWith('[*]'));
    return { rows, lookups: cells.filter((label) => !rows.includes(label)) };
  }
  return { error: `the proxy has not asked for ${kind} ${name}` };
}

/** A connected proxy by `POD.NAMESPACE`, its node id or its connection's id; the latest of several. */
export function findConnection(discovery: DiscoveryServer, id: string): Connection | undefined {
  return discovery.connections.findLast(
    (connection) =>
      id === connection.id ||
      id === connection.proxy.id ||
      id === `${connection.proxy.name}.${connection.proxy.namespace}`,
  );
}

/** Istio's fields of a proxy's status, as `istioctl proxy-status` reads them. */
function syncStatus(connection: Connection): unknown {
  const status: Record<string, unknown> = {
    cluster_id: 'Kubernetes',
    proxy: `${connection.proxy.name}.${connection.proxy.namespace}`,
    proxy_type: connection.proxy.kind,
    istio_version: connection.proxy.version,
  };
  for (const kind of pushedKinds) {
    const field = kind.toLowerCase();
    const subscription = connection.subscriptions.get(kind);
    status[`${field}_sent`] = subscription?.lastNonce ?? '';
    status[`${field}_acked`] = subscription?.ackedNonce ?? '';
    status[`${field}_status`] = statusWord(connection, kind);
    if (subscription?.rejection !== undefined) status[`${field}_error`] = subscription.rejection.reason;
  }
  return status;
}

/** `SYNCED`, `STALE`, `NACK`, `NOT SENT`. */
export function statusWord(connection: Connection, kind: PushedKind): string {
  const state = connection.subscriptions.get(kind)?.state ?? { kind: 'notSent' };
  switch (state.kind) {
    case 'synced':
      return 'SYNCED';
    case 'stale':
      return 'STALE';
    case 'rejected':
      return 'NACK';
    default:
      return 'NOT SENT';
  }
}

function connectionDetails(connection: Connection): unknown {
  const watches = Object.fromEntries(
    [...connection.subscriptions].map(([kind, subscription]) => [
      xdsTypes[kind].typeUrl,
      subscription.wildcard ? ['*', ...subscription.names] : [...subscription.names],
    ]),
  );
  return {
    connectionId: connection.id,
    connectedAt: new Date(connection.connectedMs).toISOString(),
    address: connection.proxy.addresses[0],
    labels: connection.proxy.labels,
    mode: connection.mode,
    watches,
  };
}
