import { configKinds, type Config, type ConfigKindName } from '@lateen/config';
import type { Resource } from '@lateen/kube';
import type { Change } from '../../engine/state.ts';
import { put } from '../../engine/state.ts';
import type { ConfigObject } from '../../model/config-object.ts';
import { resolveHost } from '../../model/hostname.ts';
import type { MeshSettings } from '../../model/mesh-settings.ts';
import * as tables from '../../model/tables.ts';

/** The kinds that translation reads. */
export const ingestedKinds = [
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'ServiceEntry',
  'Sidecar',
  'WorkloadEntry',
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'EnvoyFilter',
] as const satisfies readonly ConfigKindName[];
export type IngestedKind = (typeof ingestedKinds)[number];

/** Any object of the kinds that translation reads. */
export type IngestedConfig = { readonly [K in IngestedKind]: Config<K> }[IngestedKind];

/** The table that the objects of a kind go into. */
export const tableOfKind = {
  VirtualService: tables.virtualServices,
  DestinationRule: tables.destinationRules,
  Gateway: tables.gateways,
  ServiceEntry: tables.serviceEntries,
  Sidecar: tables.sidecars,
  WorkloadEntry: tables.workloadEntries,
  PeerAuthentication: tables.peerAuthentications,
  RequestAuthentication: tables.requestAuthentications,
  AuthorizationPolicy: tables.authorizationPolicies,
  EnvoyFilter: tables.envoyFilters,
} as const;

/** The resource of a kind, at the version that is stored. */
export function resourceOfKind(kind: IngestedKind): Resource {
  const { group, versions, plural } = configKinds[kind];
  return { group, version: versions[0] ?? 'v1', kind, plural, namespaced: true };
}

/** The row of a valid object, with the names in it made full. */
export function configChange(config: IngestedConfig, mesh: MeshSettings): Change {
  const namespace = config.metadata.namespace ?? 'default';
  const base = {
    namespace,
    name: config.metadata.name,
    createdMs: createdMs(config.metadata.creationTimestamp),
    labels: config.metadata.labels ?? {},
    annotations: config.metadata.annotations ?? {},
  };
  const key = `${namespace}/${base.name}`;
  switch (config.kind) {
    case 'VirtualService':
      return put(tables.virtualServices, key, {
        ...base,
        spec: config.spec,
        hosts: (config.spec.hosts ?? []).map((host) => resolveHost(host, namespace, mesh.domain)),
        gateways: (config.spec.gateways ?? ['mesh']).map((gateway) => resolveGateway(gateway, namespace)),
      });
    case 'DestinationRule':
      return put(tables.destinationRules, key, {
        ...base,
        spec: config.spec,
        host: resolveHost(config.spec.host, namespace, mesh.domain),
      });
    case 'Gateway':
      return put(tables.gateways, key, { ...base, spec: config.spec });
    case 'ServiceEntry':
      return put(tables.serviceEntries, key, { ...base, spec: config.spec });
    case 'Sidecar':
      return put(tables.sidecars, key, { ...base, spec: config.spec });
    case 'WorkloadEntry':
      return put(tables.workloadEntries, key, { ...base, spec: config.spec });
    case 'RequestAuthentication':
      return put(tables.requestAuthentications, key, { ...base, spec: config.spec });
    case 'AuthorizationPolicy':
      return put(tables.authorizationPolicies, key, { ...base, spec: config.spec });
    case 'EnvoyFilter':
      return put(tables.envoyFilters, key, { ...base, spec: config.spec });
    default:
      return put(tables.peerAuthentications, key, { ...base, spec: config.spec });
  }
}

/** `mesh`, or the full name `namespace/name` of a gateway; a bare name is one of the rule's own namespace. */
function resolveGateway(gateway: string, namespace: string): string {
  if (gateway === 'mesh' || gateway.includes('/')) return gateway;
  // The form of old: name.namespace.svc.domain.
  const parts = gateway.split('.');
  if (parts[2] === 'svc') return `${parts[1]}/${parts[0]}`;
  return `${namespace}/${gateway}`;
}

function createdMs(timestamp: string | undefined): number {
  const ms = Date.parse(timestamp ?? '');
  return Number.isNaN(ms) ? 0 : ms;
}

/** A row of any configuration. */
export type ConfigRow = ConfigObject<unknown>;
