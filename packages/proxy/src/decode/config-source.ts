import type {
  ApiConfigSource as ApiMessage,
  ConfigSource as SourceMessage,
} from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type { ConfigSource, GrpcTarget, ReferenceKind, RequestRate } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeGrpcService } from './grpc-service.ts';
import type { Scope } from './scope.ts';

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
  [
    'apiType',
    'transportApiVersion',
    'grpcServices',
    'clusterNames',
    'refreshDelay',
    'requestTimeout',
    'rateLimitSettings',
  ],
  {
    setNodeOnFirstMessageOnly: 'the node goes with the first request of a stream',
    configValidators: 'not loaded: every resource is checked whole',
  },
);
const ratePolicy = fieldPolicy(core.RateLimitSettings, ['maxTokens', 'fillRate']);
export const configSourcePolicies = [sourcePolicy, pathPolicy, apiPolicy, ratePolicy];

/** How long a resource waits for one it refers to where its source does not say. */
const defaultFetchTimeoutMs = 15_000;
/** Envoy's `request_timeout`. */
const defaultRequestTimeoutMs = 1_000;

/** Envoy's. */
const defaultMaxTokens = 100;
const defaultFillRate = 10;

/** How long what comes from a source is waited for; 0: for ever. */
export function fetchTimeoutMs(message: SourceMessage | undefined): number {
  return message?.initialFetchTimeout ?? defaultFetchTimeoutMs;
}

/** Notes that the resource waits for another of this name, which comes from this source. */
export function decodeReference(
  scope: Scope,
  message: SourceMessage | undefined,
  kind: ReferenceKind,
  name: string,
): void {
  const source = decodeConfigSource(scope, message);
  scope.waitsFor(fetchTimeoutMs(message));
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
  if (message.transportApiVersion === 'V2')
    scope.at('transportApiVersion').fail('V2 is no more: V3 is the only one');
  switch (message.apiType) {
    case 'GRPC':
    case 'DELTA_GRPC':
      return {
        kind: 'grpc',
        variant: message.apiType === 'GRPC' ? 'sotw' : 'delta',
        target: decodeGrpcTarget(scope, message),
        ...decodeRequestRate(scope, message),
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

/** How fast the server may be asked, where it is said. */
export function decodeRequestRate(scope: Scope, message: ApiMessage): { readonly rate?: RequestRate } {
  const settings = message.rateLimitSettings;
  if (settings === undefined) return {};
  const at = scope.at('rateLimitSettings');
  at.check(ratePolicy, settings);
  const rate = {
    maxTokens: settings.maxTokens ?? defaultMaxTokens,
    tokensPerSecond: settings.fillRate ?? defaultFillRate,
  };
  if (rate.maxTokens < 1) at.at('maxTokens').fail('must be at least 1: no request would ever be sent');
  return { rate };
}

/** The first of the services: as in Envoy, there is no other. */
export function decodeGrpcTarget(scope: Scope, message: ApiMessage): GrpcTarget {
  const services = message.grpcServices ?? [];
  const at = scope.at('grpcServices');
  if (services.length !== 1) at.fail('must have exactly one');
  const { cluster, authority, metadata, maxMessageBytes, reopening } = decodeGrpcService(
    at.at(0),
    services[0],
  );
  return {
    cluster,
    metadata: Object.fromEntries(metadata),
    authority,
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    ...(reopening === undefined ? {} : { reopening }),
  };
}
