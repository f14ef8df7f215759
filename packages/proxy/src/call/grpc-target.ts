import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { GrpcServiceConfig } from '../model/grpc-service.ts';
import { compileRetryPolicy } from '../route/retry-policy.ts';
import type { GrpcTarget } from './grpc-call.ts';

/** Where the calls of a filter or a logger go. */
export function grpcTarget(
  service: GrpcServiceConfig,
  clusters: { readonly clusterRef: (name: string) => ClusterRef },
  defaultTimeoutMs: number,
): GrpcTarget {
  const { authority, metadata, maxMessageBytes, retry } = service;
  return {
    cluster: clusters.clusterRef(service.cluster),
    ...(authority === '' ? {} : { authority }),
    timeoutMs: service.timeoutMs ?? defaultTimeoutMs,
    metadata,
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    ...(retry === undefined ? {} : { retry: compileRetryPolicy(retry) }),
  };
}
