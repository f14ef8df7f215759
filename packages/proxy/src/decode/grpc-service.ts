import type { GrpcService as GrpcMessage } from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type { GrpcServiceConfig } from '../model/index.ts';
import { decodeCoreRetryPolicy } from './core-retry-policy.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const grpcPolicy = fieldPolicy(core.GrpcService, ['envoyGrpc', 'initialMetadata', 'timeout', 'retryPolicy']);
const envoyGrpcPolicy = fieldPolicy(
  core.GrpcService_EnvoyGrpc,
  ['clusterName', 'authority', 'maxReceiveMessageLength', 'retryPolicy'],
  { skipEnvoyHeaders: 'x-envoy headers are not sent' },
);

export const grpcServicePolicies = [grpcPolicy, envoyGrpcPolicy];

/** A service that is called through a cluster. A stream of xDS has no timeout, as in Envoy. */
export function decodeGrpcService(scope: Scope, message: GrpcMessage | undefined): GrpcServiceConfig {
  const service = message ?? {};
  scope.check(grpcPolicy, service);
  const envoy = service.envoyGrpc ?? {};
  scope.at('envoyGrpc').check(envoyGrpcPolicy, envoy);
  if (envoy.clusterName === undefined) scope.fail('must have envoy_grpc.cluster_name');
  const limit = envoy.maxReceiveMessageLength;
  const { retryPolicy } = service;
  const reopening =
    envoy.retryPolicy === undefined
      ? undefined
      : decodeCoreRetryPolicy(scope.at('envoyGrpc').at('retryPolicy'), envoy.retryPolicy);
  return {
    cluster: envoy.clusterName ?? '',
    authority: envoy.authority ?? '',
    ...(service.timeout === undefined ? {} : { timeoutMs: service.timeout }),
    metadata: (service.initialMetadata ?? []).flatMap(({ key, value = '' }) =>
      key === undefined ? [] : [[key.toLowerCase(), value] as const],
    ),
    ...(limit === undefined ? {} : { maxMessageBytes: limit }),
    ...(retryPolicy === undefined
      ? {}
      : { retry: decodeCoreRetryPolicy(scope.at('retryPolicy'), retryPolicy) }),
    ...(reopening === undefined || envoy.retryPolicy?.retryBackOff === undefined
      ? {}
      : { reopening: { baseMs: reopening.backoffBaseMs, maxMs: reopening.backoffMaxMs } }),
  };
}
