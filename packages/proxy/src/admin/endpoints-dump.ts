import type { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import type { ClusterStatus, EndpointStatus } from '../model/index.ts';

type Locality = NonNullable<ClusterLoadAssignment['endpoints']>[number];
type LbEndpoint = NonNullable<Locality['lbEndpoints']>[number];

/** The endpoints of a cluster as they stand: resolved, with the health that the proxy itself sees, as Envoy dumps them. */
export function liveEndpoints({
  cluster,
  endpoints,
  overprovisioningFactor,
}: ClusterStatus): ClusterLoadAssignment {
  const { discovery, name } = cluster;
  const localities = new Map<string, { locality: Locality; lbEndpoints: LbEndpoint[] }>();
  for (const endpoint of endpoints) {
    const { locality, priority } = endpoint;
    const key = JSON.stringify([priority, locality]);
    let found = localities.get(key);
    if (found === undefined) {
      const lbEndpoints: LbEndpoint[] = [];
      found = { lbEndpoints, locality: { locality, priority, lbEndpoints } };
      localities.set(key, found);
    }
    found.lbEndpoints.push(lbEndpoint(endpoint));
  }
  return {
    clusterName: discovery.kind === 'eds' && discovery.serviceName !== '' ? discovery.serviceName : name,
    endpoints: [...localities.values()]
      .map(({ locality }) => locality)
      .sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0)),
    policy: { overprovisioningFactor },
  };
}

function lbEndpoint(endpoint: EndpointStatus): LbEndpoint {
  const { address, hostname, metadata, weight } = endpoint;
  return {
    endpoint: {
      address:
        address.kind === 'pipe'
          ? { pipe: { path: address.path } }
          : { socketAddress: { address: address.address, portValue: address.port } },
      hostname,
    },
    healthStatus: healthOf(endpoint),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata: { filterMetadata: metadata } }),
    loadBalancingWeight: weight,
  };
}

function healthOf({
  edsHealth,
  ejected,
  failedActiveHealthCheck,
}: EndpointStatus): LbEndpoint['healthStatus'] {
  const unhealthy = ['unhealthy', 'timeout', 'draining'].includes(edsHealth);
  if (ejected || failedActiveHealthCheck || unhealthy) return 'UNHEALTHY';
  return edsHealth === 'degraded' ? 'DEGRADED' : 'HEALTHY';
}
