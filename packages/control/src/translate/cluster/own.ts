import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { query } from '../../engine/query.ts';
import type { ApplicationAddress, InboundPort } from '../../model/inbound.ts';
import { settingsOf } from '../../model/settings.ts';
import { socketAddress } from '../address.ts';
import {
  blackHoleCluster,
  inboundClusterName,
  inboundPassthroughCluster,
  passthroughCluster,
} from '../cluster-name.ts';
import { istioMetadata } from '../istio-metadata.ts';
import { encodeResource, sameResources, type EncodedResource } from '../resource.ts';
import { httpOptionFields } from './http-options.ts';
import { connectionFields } from './traffic-policy.ts';

/**
 * The source address of connections that a sidecar opens to its own workload: the rules of istio-iptables
 * let them through, where others would be captured again.
 */
const inboundSource = { sourceAddress: { address: '127.0.0.6', portValue: 0 } };

/** Clusters that every proxy of a kind has, whatever is in the mesh. */
export const staticClusters = query(
  'clusters.static',
  (view, kind: 'sidecar' | 'router'): readonly EncodedResource[] => {
    const { connectTimeoutMs } = settingsOf(view);
    const blackHole: Cluster = {
      name: blackHoleCluster,
      type: 'STATIC',
      connectTimeout: connectTimeoutMs,
    };
    if (kind === 'router') return [encodeResource(Cluster, blackHoleCluster, blackHole)];
    const passthrough: Cluster = {
      name: passthroughCluster,
      type: 'ORIGINAL_DST',
      lbPolicy: 'CLUSTER_PROVIDED',
      ...connectionFields(undefined, connectTimeoutMs),
      ...httpOptionFields('auto', undefined),
    };
    return [
      encodeResource(Cluster, blackHoleCluster, blackHole),
      encodeResource(Cluster, passthroughCluster, passthrough),
      encodeResource(Cluster, inboundPassthroughCluster, {
        ...passthrough,
        name: inboundPassthroughCluster,
        upstreamBindConfig: inboundSource,
      }),
    ];
  },
  { equal: sameResources },
);

/** How the application is reached: at the address that was called, or where its Sidecar says. */
function applicationFields(
  clusterName: string,
  application: ApplicationAddress | undefined,
): Partial<Cluster> {
  if (application === undefined) {
    return {
      type: 'ORIGINAL_DST',
      lbPolicy: 'CLUSTER_PROVIDED',
      cleanupInterval: 60_000,
      upstreamBindConfig: inboundSource,
    };
  }
  const address =
    application.kind === 'pipe'
      ? { pipe: { path: application.path } }
      : socketAddress(application.address, application.port);
  const isLocal =
    application.kind === 'pipe' || application.address === '::1' || application.address.startsWith('127.');
  return {
    type: 'STATIC',
    loadAssignment: { clusterName, endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }] },
    ...(isLocal ? {} : { upstreamBindConfig: inboundSource }),
  };
}

/** The clusters of a workload's own ports. */
export const inboundClusters = query(
  'clusters.inbound',
  (view, ports: readonly InboundPort[]): readonly EncodedResource[] => {
    const { connectTimeoutMs } = settingsOf(view);
    const byPort = new Map<number, InboundPort[]>();
    for (const port of ports) byPort.set(port.targetPort, [...(byPort.get(port.targetPort) ?? []), port]);
    return [...byPort.values()].flatMap((leading) => {
      const [first] = leading;
      if (first === undefined) return [];
      const name = inboundClusterName(first.targetPort);
      return encodeResource(Cluster, name, {
        name,
        ...applicationFields(name, first.application),
        ...connectionFields(undefined, connectTimeoutMs),
        ...httpOptionFields(first.protocol, undefined),
        metadata: istioMetadata({
          services: leading.map((port) => ({
            host: port.hostname,
            name: port.hostname.split('.')[0] ?? '',
            namespace: port.namespace,
          })),
        }),
      });
    });
  },
  { equal: sameResources },
);
