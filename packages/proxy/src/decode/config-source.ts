import type {
  ApiConfigSource as ApiMessage,
  ConfigSource as SourceMessage,
  GrpcService as GrpcMessage,
} from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type { ConfigSource, GrpcTarget, ReferenceKind } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const noRetries = 'a stream that ends is opened again with back-off';

const sourcePolicy = fieldPolicy(
  core.ConfigSource,
  ['ads', 'apiConfigSource', 'initialFetchTimeout', 'self', 'pathConfigSource', 'path'],
  {
    resourceApiVersion: 'v3 is the only one',
    authorities: 'resource names with authorities are taken as they are',
  },
);
const pathPolicy = fieldPolicy(core.PathConfigSource, ['path', 'watchedDirectory']);
const apiPolicy = fieldPolicy(
  core.ApiConfigSource,
  ['apiType', 'grpcServices', 'clusterNames', 'refreshDelay', 'requestTimeout'],
  {
    transportApiVersion: 'v3 is the only one',
    rateLimitSettings: 'a request is sent for each response and each change of what is wanted',
    setNodeOnFirstMessageOnly: 'the node goes with the first request of a stream',
    configValidators: 'not loaded: every resource is checked whole',
  },
);
const grpcPolicy = fieldPolicy(core.GrpcService, ['envoyGrpc', 'initialMetadata'], {
  timeout: 'as in Envoy, a stream of xDS has no end',
  retryPolicy: noRetries,
});
const envoyGrpcPolicy = fieldPolicy(
  core.GrpcService_EnvoyGrpc,
  ['clusterName', 'authority', 'maxReceiveMessageLength'],
  { retryPolicy: noRetries, skipEnvoyHeaders: 'x-envoy headers are not sent' },
);

export const configSourcePolicies = [sourcePolicy, pathPolicy, apiPolicy, grpcPolicy, envoyGrpcPolicy];

/** How long a resource waits for one it refers to where its source does not say. */
const defaultFetchTimeoutMs = 15_000;
/** Envoy's `request_timeout`. */
const defaultRequestTimeoutMs = 1_000;

/** Notes that the resource waits for another of this name, which comes from this source. */
export function decodeReference(
  scope: Scope,
  message: SourceMessage | undefined,
  kind: ReferenceKind,
  name: string,
): void {
  const source = decodeConfigSource(scope, message);
  scope.waitsFor(message?.initialFetchTimeout ?? defaultFetchTimeoutMs);
  if (source.kind !== 'ads') scope.refersTo(kind, name, source);
}

/** Where resources come from. */
export function decodeConfigSource(scope: Scope, message: SourceMessage | undefined): ConfigSource {
  if (message !== undefined) {
    scope.check(sourcePolicy, message);
    if (message.pathConfigSource !== undefined) {
      const { path = '', watchedDirectory } = message.pathConfigSource;
      const at = scope.at('pathConfigSource');
      at.check(pathPolicy, message.pathConfigSource);
      if (path === '') at.at('path').fail('must not be empty');
      const folder = watchedDirectory?.path;
      return { kind: 'file', path, ...(folder === undefined ? {} : { watchedDirectory: folder }) };
    }
    if (message.path !== undefined) return { kind: 'file', path: message.path };
    if (message.apiConfigSource !== undefined) {
      return decodeApi(scope.at('apiConfigSource'), message.apiConfigSource);
    }
    if (message.ads !== undefined || message.self !== undefined) return { kind: 'ads' };
  }
  scope.fail('must say where the resource comes from: ads, api_config_source, path_config_source or self');
  return { kind: 'ads' };
}

function decodeApi(scope: Scope, message: ApiMessage): ConfigSource {
  scope.check(apiPolicy, message);
  switch (message.apiType) {
    case 'GRPC':
    case 'DELTA_GRPC':
      return {
        kind: 'grpc',
        variant: message.apiType === 'GRPC' ? 'sotw' : 'delta',
        target: decodeGrpcTarget(scope, message),
      };
    case 'REST': {
      const [cluster = '', ...others] = message.clusterNames ?? [];
      if (cluster === '' || others.length > 0) scope.at('clusterNames').fail('must have exactly one name');
      const refreshDelayMs = message.refreshDelay ?? 0;
      if (refreshDelayMs <= 0) scope.at('refreshDelay').fail('must be more than 0s');
      return {
        kind: 'rest',
        cluster,
        refreshDelayMs,
        requestTimeoutMs: message.requestTimeout ?? defaultRequestTimeoutMs,
      };
    }
    default:
      scope.at('apiType').fail(`${message.apiType ?? 'nothing'} is not one of GRPC, DELTA_GRPC, REST`);
      return { kind: 'ads' };
  }
}

/** The first of the services: as in Envoy, there is no other. */
export function decodeGrpcTarget(scope: Scope, message: ApiMessage): GrpcTarget {
  const services = message.grpcServices ?? [];
  const at = scope.at('grpcServices');
  if (services.length !== 1) at.fail('must have exactly one');
  const service: GrpcMessage = services[0] ?? {};
  at.at(0).check(grpcPolicy, service);
  const envoy = service.envoyGrpc ?? {};
  at.at(0).at('envoyGrpc').check(envoyGrpcPolicy, envoy);
  if (envoy.clusterName === undefined) at.fail('must have one with envoy_grpc.cluster_name');
  const metadata: Record<string, string> = {};
  for (const { key, value } of service.initialMetadata ?? []) {
    if (key !== undefined) metadata[key] = value ?? '';
  }
  const limit = envoy.maxReceiveMessageLength;
  return {
    cluster: envoy.clusterName ?? '',
    metadata,
    authority: envoy.authority ?? '',
    ...(limit === undefined ? {} : { maxMessageBytes: limit }),
  };
}
