import { State, index, table } from '../engine/state.ts';
import type {
  AuthorizationPolicy,
  DestinationRule,
  EnvoyFilter,
  Gateway,
  PeerAuthentication,
  RequestAuthentication,
  ServiceEntry,
  Sidecar,
  VirtualService,
  WorkloadEntry,
} from './config-object.ts';
import type { EnvoyFilterPatches } from './envoy-filter.ts';
import type { KeySet } from './key-set.ts';
import type { MeshSettings } from './mesh-settings.ts';
import type { Proxy } from './proxy.ts';
import { serviceId, type Service } from './service.ts';
import type { TlsSecret } from './tls-secret.ts';
import type { EndpointSlice, MeshNamespace, MeshNode, Workload } from './workload.ts';

/**
 * The inputs of translation: everything that is known of the mesh, one row an object.
 *
 * Adapters in `ingest/` write rows, each from one object of their platform alone; whatever needs two
 * objects is a query.
 */
export const settings = table<MeshSettings>('settings');
/** Key of the only row of {@link settings}. */
export const settingsKey = 'mesh';

export const namespaces = table<MeshNamespace>('namespaces');
export const nodes = table<MeshNode>('nodes');
/** Services of platforms by `namespace/hostname`; those of ServiceEntries are derived. */
export const services = table<Service>('services');
export const slices = table<EndpointSlice>('endpointSlices');
export const workloads = table<Workload>('workloads');
/** Certificates for gateways, by `namespace/name`. */
export const secrets = table<TlsSecret>('secrets');
/** Proxies that are connected, by id. */
export const proxies = table<Proxy>('proxies');

export const virtualServices = table<VirtualService>('virtualServices');
export const destinationRules = table<DestinationRule>('destinationRules');
export const gateways = table<Gateway>('gateways');
export const serviceEntries = table<ServiceEntry>('serviceEntries');
export const sidecars = table<Sidecar>('sidecars');
export const workloadEntries = table<WorkloadEntry>('workloadEntries');
export const peerAuthentications = table<PeerAuthentication>('peerAuthentications');

export const requestAuthentications = table<RequestAuthentication>('requestAuthentications');
export const authorizationPolicies = table<AuthorizationPolicy>('authorizationPolicies');
/** As written; translation reads {@link envoyFilterPatches}. */
export const envoyFilters = table<EnvoyFilter>('envoyFilters');
/** EnvoyFilters with their patches read as messages. */
export const envoyFilterPatches = table<EnvoyFilterPatches>('envoyFilterPatches');
/** The keys of issuers of tokens, by where they are fetched from. */
export const keySets = table<KeySet>('keySets');

export const slicesByService = index(slices, 'service', (row) => [`${row.namespace}/${row.service}`]);
export const servicesByHost = index(services, 'host', (row) => [row.hostname]);
export const servicesByNamespace = index(services, 'namespace', (row) => [row.namespace]);
export const workloadsByNamespace = index(workloads, 'namespace', (row) => [row.namespace]);
/** By each host together with each gateway: `mesh reviews.default.svc.cluster.local`. */
export const virtualServicesByHost = index(virtualServices, 'host', (row) =>
  row.gateways.flatMap((gateway) => row.hosts.map((host) => `${gateway} ${host}`)),
);
export const virtualServicesByGateway = index(virtualServices, 'gateway', (row) => row.gateways);
export const destinationRulesByHost = index(destinationRules, 'host', (row) => [row.host]);
/** By `namespace/host` of each service that an entry defines. */
export const serviceEntriesById = index(serviceEntries, 'id', (row) =>
  row.spec.hosts.map((hostname) => serviceId({ namespace: row.namespace, hostname })),
);
export const serviceEntriesByHost = index(serviceEntries, 'host', (row) => row.spec.hosts);
export const workloadEntriesByNamespace = index(workloadEntries, 'namespace', (row) => [row.namespace]);
export const sidecarsByNamespace = index(sidecars, 'namespace', (row) => [row.namespace]);
export const peerAuthenticationsByNamespace = index(peerAuthentications, 'namespace', (row) => [
  row.namespace,
]);
export const requestAuthenticationsByNamespace = index(requestAuthentications, 'namespace', (row) => [
  row.namespace,
]);
export const authorizationPoliciesByNamespace = index(authorizationPolicies, 'namespace', (row) => [
  row.namespace,
]);

export const envoyFilterPatchesByNamespace = index(envoyFilterPatches, 'namespace', (row) => [row.namespace]);

/** A mesh of which nothing is known yet. */
export function emptyMesh(): State {
  return State.empty([
    slicesByService,
    servicesByHost,
    servicesByNamespace,
    workloadsByNamespace,
    virtualServicesByHost,
    virtualServicesByGateway,
    destinationRulesByHost,
    serviceEntriesById,
    serviceEntriesByHost,
    workloadEntriesByNamespace,
    sidecarsByNamespace,
    peerAuthenticationsByNamespace,
    requestAuthenticationsByNamespace,
    authorizationPoliciesByNamespace,
    envoyFilterPatchesByNamespace,
  ]);
}
