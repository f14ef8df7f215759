import type { GrpcTarget } from '../call/index.ts';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { GrpcServiceConfig } from '../model/grpc-service.ts';

/** Where the calls of a filter go. */
export function grpcTarget(
  service: GrpcServiceConfig,
  clusters: { readonly clusterRef: (name: string) => ClusterRef },
  defaultTimeoutMs: number,
): GrpcTarget {
  const { authority, metadata, maxMessageBytes } = service;
  return {
    cluster: clusters.clusterRef(service.cluster),
    ...(authority === '' ? {} : { authority }),
    timeoutMs: service.timeoutMs ?? defaultTimeoutMs,
    metadata,
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
  };
}
