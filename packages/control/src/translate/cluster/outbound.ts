import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { query, type View } from '../../engine/query.ts';
import { endpointsOf } from '../../model/endpoints.ts';
import { identitiesOf } from '../../model/mutual-tls.ts';
import { service } from '../../model/registry.ts';
import { scopedServiceIds } from '../../model/sidecar-scope.ts';
import { scopeText, type ClientPlace, type Scope } from '../../model/scope.ts';
import type { Service, ServicePort } from '../../model/service.ts';
import type { MeshSettings } from '../../model/mesh-settings.ts';
import { settingsOf } from '../../model/settings.ts';
import { destinationPolicy, type DestinationPolicy } from '../../model/traffic-rules.ts';
import { outboundClusterName } from '../cluster-name.ts';
import { preferenceOf } from '../endpoint/endpoint-groups.ts';
import { dnsLoadAssignment } from '../endpoint/load-assignment.ts';
import { configPath, istioMetadata } from '../istio-metadata.ts';
import { encodeResource, sameResources, type EncodedResource } from '../resource.ts';
import { httpOptionFields } from './http-options.ts';
import {
  balancingFields,
  connectionFields,
  outlierFields,
  policyOfPort,
  type PortPolicy,
} from './traffic-policy.ts';
import { namesFromRequest, transportFields } from './transport.ts';

/** How the endpoints of a service's clusters are found by a kind of proxy. */
export function discoveryOf(
  of: Service,
  kind: Scope['kind'],
): 'EDS' | 'STRICT_DNS' | 'LOGICAL_DNS' | 'ORIGINAL_DST' {
  switch (of.resolution) {
    case 'known':
      return 'EDS';
    case 'dns':
      return 'STRICT_DNS';
    case 'logicalDns':
      return 'LOGICAL_DNS';
    default:
      // At a gateway the destination is the gateway itself, so the endpoints must be told.
      return kind === 'router' ? 'EDS' : 'ORIGINAL_DST';
  }
}

interface ServiceForClients {
  readonly serviceId: string;
  readonly kind: Scope['kind'];
  /** The policy that these clients see; equal policies share one translation. */
  readonly policy: DestinationPolicy | undefined;
  readonly place: ClientPlace | undefined;
}

/** All clusters of a service: each port, and each port of each subset. */
const serviceClusters = query(
  'clusters.service',
  (view, key: ServiceForClients): readonly EncodedResource[] => {
    const found = view.get(service, key.serviceId);
    if (found === undefined) return [];
    const mesh = settingsOf(view);
    // What is outside of the mesh has no proxy that would answer.
    const automatic = mesh.autoMutualTls && !found.meshExternal;
    const resources: EncodedResource[] = [];
    for (const port of found.ports) {
      if (port.protocol === 'udp') continue;
      for (const subset of ['', ...(key.policy?.subsets ?? []).map((entry) => entry.name)]) {
        const name = outboundClusterName(found.hostname, port.port, subset);
        const type = discoveryOf(found, key.kind);
        const settings = policyOfPort(
          key.policy?.trafficPolicy,
          key.policy?.subsets.find((entry) => entry.name === subset)?.trafficPolicy,
          port.port,
        );
        const usesMesh = automatic || settings.tls?.mode === 'ISTIO_MUTUAL';
        const transport = transportFields({
          kind: key.kind,
          hostname: found.hostname,
          port: port.port,
          subset,
          protocol: port.protocol,
          tls: settings.tls,
          proxyProtocol: settings.proxyProtocol,
          automatic: automatic && type === 'EDS',
          identities: usesMesh ? view.get(identitiesOf, key.serviceId) : [],
          subjectAltNames: found.subjectAltNames,
        });
        const base = {
          ...translateCluster(found, port, subset, type, key.policy, settings, mesh),
          ...transport,
        };
        const inline =
          type === 'STRICT_DNS' || type === 'LOGICAL_DNS'
            ? {
                loadAssignment: dnsLoadAssignment(
                  name,
                  port,
                  view.get(endpointsOf, key.serviceId),
                  preferenceOf(settings, mesh, key.place),
                ),
              }
            : {};
        resources.push(encodeResource(Cluster, name, { ...base, ...inline }));
      }
    }
    return resources;
  },
  {
    keyText: (key) => `${key.serviceId} ${key.kind} ${JSON.stringify([key.policy, key.place])}`,
    equal: sameResources,
  },
);

/** Shapes the cluster of one port of one subset. */
function translateCluster(
  of: Service,
  port: ServicePort,
  subsetName: string,
  type: ReturnType<typeof discoveryOf>,
  policy: DestinationPolicy | undefined,
  settings: PortPolicy,
  mesh: MeshSettings,
): Cluster {
  const name = outboundClusterName(of.hostname, port.port, subsetName);
  const passthrough = settings.loadBalancer?.simple === 'PASSTHROUGH' && type !== 'STRICT_DNS';
  const actual = passthrough ? 'ORIGINAL_DST' : type;
  return {
    name,
    type: actual,
    ...(actual === 'EDS'
      ? {
          edsClusterConfig: {
            edsConfig: { ads: {}, initialFetchTimeout: 0, resourceApiVersion: 'V3' },
            serviceName: name,
          },
        }
      : {}),
    ...(actual === 'STRICT_DNS' || actual === 'LOGICAL_DNS'
      ? { dnsLookupFamily: 'V4_ONLY', dnsRefreshRate: 60_000, respectDnsTtl: true }
      : {}),
    ...connectionFields(settings.connectionPool, mesh.connectTimeoutMs),
    ...(actual === 'ORIGINAL_DST'
      ? { lbPolicy: 'CLUSTER_PROVIDED' }
      : // Each key is in one place.
        mesh.redisFilter && port.protocol === 'redis'
        ? { lbPolicy: 'MAGLEV' }
        : balancingFields(settings.loadBalancer, settings.outlierDetection)),
    ...outlierFields(settings.outlierDetection),
    ...httpOptionFields(port.protocol, settings.connectionPool, namesFromRequest(settings.tls)),
    metadata: istioMetadata({
      default_original_port: port.port,
      services: [{ host: of.hostname, name: of.name, namespace: of.namespace }],
      ...(policy?.rules[0] === undefined ? {} : { config: configPath('destination-rule', policy.rules[0]) }),
      ...(subsetName === '' ? {} : { subset: subsetName }),
    }),
  };
}

const isResolvedByProxy = query('service.isResolvedByProxy', (view, id: string): boolean => {
  const resolution = view.get(service, id)?.resolution;
  return resolution === 'dns' || resolution === 'logicalDns';
});

/** Where the clients are, for services whose endpoints are part of their clusters. */
function placeFor(view: View, id: string, scope: Scope): ClientPlace | undefined {
  if (scope.place === undefined) return undefined;
  return view.get(isResolvedByProxy, id) ? scope.place : undefined;
}

/** The outbound clusters of a scope: of all services that it sees, sorted by host. */
export const outboundClusters = query(
  'clusters.outbound',
  (view, scope: Scope): readonly EncodedResource[] =>
    view.get(scopedServiceIds, scope).flatMap((id) => {
      const slash = id.indexOf('/');
      const policy = view.get(destinationPolicy, {
        scope,
        serviceNamespace: id.slice(0, slash),
        hostname: id.slice(slash + 1),
      });
      return view.get(serviceClusters, {
        serviceId: id,
        kind: scope.kind,
        policy,
        place: placeFor(view, id, scope),
      });
    }),
  { keyText: scopeText, equal: sameResources },
);
