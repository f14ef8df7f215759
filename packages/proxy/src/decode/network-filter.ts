import type { Any } from '@lateen/protocol';
import type { Filter } from '@lateen/protocol/envoy/config/listener/v3';
import * as listener from '@lateen/protocol/envoy/config/listener/v3';
import * as connectionLimit from '@lateen/protocol/envoy/extensions/filters/network/connection_limit/v3';
import * as directResponse from '@lateen/protocol/envoy/extensions/filters/network/direct_response/v3';
import * as hcm from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as networkExtAuthz from '@lateen/protocol/envoy/extensions/filters/network/ext_authz/v3';
import * as localRateLimit from '@lateen/protocol/envoy/extensions/filters/network/local_ratelimit/v3';
import * as networkRbac from '@lateen/protocol/envoy/extensions/filters/network/rbac/v3';
import { MongoProxy } from '@lateen/protocol/envoy/extensions/filters/network/mongo_proxy/v3';
import { RedisProxy } from '@lateen/protocol/envoy/extensions/filters/network/redis_proxy/v3';
import * as sniCluster from '@lateen/protocol/envoy/extensions/filters/network/sni_cluster/v3';
import * as tcp from '@lateen/protocol/envoy/extensions/filters/network/tcp_proxy/v3';
import { decodeHeaderAdditions } from './headers.ts';
import type { HashPolicy, NetworkFilter, TcpProxy, TcpTunnel } from '../model/index.ts';
import { decodeAccessLogs } from './access-log.ts';
import { decodeDataSource, decodeMetadata } from './basics.ts';
import { decodeDiscovered } from './discovered.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeConnectionManager } from './http-connection-manager.ts';
import type { FilterContext } from './http-filter.ts';
import { typeNameOf } from './typed-any.ts';
import { decodeIstioStats } from './istio-stats.ts';
import { decodeTcpOnDemand } from './on-demand.ts';
import { decodeNetworkRbacRules } from './rbac.ts';
import { decodeMongoProxy } from './mongo-proxy.ts';
import { decodeRedisProxy } from './redis-proxy.ts';
import { decodeBucket } from './rate-limits.ts';
import { decodeNetworkExtAuthz } from './network-ext-authz.ts';
import type { Scope } from './scope.ts';

const filterPolicy = fieldPolicy(listener.Filter, ['name', 'typedConfig', 'configDiscovery']);
const tcpPolicy = fieldPolicy(
  tcp.TcpProxy,
  [
    'statPrefix',
    'cluster',
    'weightedClusters',
    'metadataMatch',
    'idleTimeout',
    'accessLog',
    'maxConnectAttempts',
    'hashPolicy',
    'maxDownstreamConnectionDuration',
    'onDemand',
    'tunnelingConfig',
    'accessLogFlushInterval',
    'flushAccessLogOnConnected',
    'accessLogOptions',
  ],
  {
    downstreamIdleTimeout: 'idle_timeout holds for both directions',
    upstreamIdleTimeout: 'idle_timeout holds for both directions',
  },
);
const tunnelPolicy = fieldPolicy(
  tcp.TcpProxy_TunnelingConfig,
  ['hostname', 'usePost', 'postPath', 'headersToAdd'],
  {
    propagateResponseHeaders: 'no filter of this proxy reads the headers of a tunnel',
    propagateResponseTrailers: 'no filter of this proxy reads the trailers of a tunnel',
  },
);
const logOptionsPolicy = fieldPolicy(tcp.TcpProxy_TcpAccessLogOptions, [
  'accessLogFlushInterval',
  'flushAccessLogOnConnected',
]);
const connectionLimitPolicy = fieldPolicy(connectionLimit.ConnectionLimit, [
  'statPrefix',
  'maxConnections',
  'delay',
  'runtimeEnabled',
]);

const localRateLimitPolicy = fieldPolicy(localRateLimit.LocalRateLimit, [
  'statPrefix',
  'tokenBucket',
  'runtimeEnabled',
]);

export const networkFilterPolicies = [
  localRateLimitPolicy,
  filterPolicy,
  tcpPolicy,
  tunnelPolicy,
  logOptionsPolicy,
  connectionLimitPolicy,
];

/** Filters of Istio whose configuration the proxy does not need. */
const builtIn: Readonly<Record<string, 'metadata_exchange' | 'istio_stats'>> = {
  'istio.metadata_exchange': 'metadata_exchange',
  'envoy.tcp.metadataexchange.config.MetadataExchange': 'metadata_exchange',
  'istio.stats': 'istio_stats',
  'stats.PluginConfig': 'istio_stats',
};

/** One network filter of a chain. */
export function decodeNetworkFilter(scope: Scope, message: Filter, context: FilterContext): NetworkFilter {
  scope.check(filterPolicy, message);
  const name = message.name ?? '';
  const { configDiscovery } = message;
  if (configDiscovery !== undefined) {
    const inner = scope.at('configDiscovery');
    const standard = (typedConfig: Any): NetworkFilter =>
      decodeNetworkFilter(inner.at('defaultConfig'), { name, typedConfig }, context);
    return { name, ...decodeDiscovered(inner, configDiscovery, name, standard) };
  }
  const any = message.typedConfig;
  const at = scope.at('typedConfig');
  const type = typeNameOf(any);
  const kind = builtIn[type] ?? builtIn[name];
  if (kind === 'metadata_exchange') return { name, kind };
  if (kind === 'istio_stats') return { name, ...decodeIstioStats(at, any, context.trafficDirection) };
  switch (type) {
    case hcm.HttpConnectionManager.typeName:
      return {
        name,
        ...decodeConnectionManager(at, at.unpack(hcm.HttpConnectionManager, any) ?? {}, context),
      };
    case tcp.TcpProxy.typeName:
      return { name, ...decodeTcpProxy(at, at.unpack(tcp.TcpProxy, any) ?? {}) };
    case networkRbac.RBAC.typeName: {
      const config = at.unpack(networkRbac.RBAC, any) ?? {};
      return {
        name,
        kind: 'rbac',
        statPrefix: config.statPrefix ?? '',
        ...decodeNetworkRbacRules(at, config),
      };
    }
    case networkExtAuthz.ExtAuthz.typeName: {
      const config = at.unpack(networkExtAuthz.ExtAuthz, any) ?? {};
      return { name, kind: 'ext_authz', config: decodeNetworkExtAuthz(at, config) };
    }
    case localRateLimit.LocalRateLimit.typeName: {
      const config = at.unpack(localRateLimit.LocalRateLimit, any) ?? {};
      at.check(localRateLimitPolicy, config);
      return {
        name,
        kind: 'local_rate_limit',
        statPrefix: config.statPrefix ?? '',
        bucket: decodeBucket(at.at('tokenBucket'), config.tokenBucket),
        ...(config.runtimeEnabled === undefined ? {} : { isEnabled: at.flag(config.runtimeEnabled) }),
      };
    }
    case connectionLimit.ConnectionLimit.typeName: {
      const config = at.unpack(connectionLimit.ConnectionLimit, any) ?? {};
      at.check(connectionLimitPolicy, config);
      return {
        name,
        kind: 'connection_limit',
        statPrefix: config.statPrefix ?? '',
        maxConnections: config.maxConnections ?? 0,
        delayMs: config.delay ?? 0,
        ...(config.runtimeEnabled === undefined ? {} : { isEnabled: scope.flag(config.runtimeEnabled) }),
      };
    }
    case directResponse.Config.typeName: {
      const config = at.unpack(directResponse.Config, any) ?? {};
      const source = decodeDataSource(at.at('response'), config.response);
      if (source.kind !== 'inline') at.at('response').fail('must be inline_string or inline_bytes');
      return {
        name,
        kind: 'direct_response',
        body: source.kind === 'inline' ? source.bytes : new Uint8Array(),
      };
    }
    case MongoProxy.typeName:
      return { name, ...decodeMongoProxy(at, at.unpack(MongoProxy, any) ?? {}) };
    case RedisProxy.typeName:
      return { name, ...decodeRedisProxy(at, at.unpack(RedisProxy, any) ?? {}) };
    case sniCluster.SniCluster.typeName:
      return { name, kind: 'sni_cluster' };
    default:
      scope.fail(`network filter "${name}" (${type === '' ? 'no configuration' : type}) is not supported`);
      return { name, kind: 'none' };
  }
}

function decodeTcpProxy(scope: Scope, message: tcp.TcpProxy): TcpProxy {
  scope.check(tcpPolicy, message);
  const weighted = message.weightedClusters?.clusters ?? [];
  if (message.cluster === undefined && weighted.length === 0) {
    scope.fail('must have one of cluster, weighted_clusters');
  }
  const at = scope.at('weightedClusters').at('clusters');
  return {
    kind: 'tcp_proxy',
    statPrefix: message.statPrefix ?? '',
    clusters:
      message.cluster === undefined
        ? weighted.map((item, i) => ({
            name: item.name ?? '',
            weight: item.weight ?? 0,
            ...(item.metadataMatch === undefined
              ? {}
              : { metadataMatch: decodeMetadata(at.at(i).at('metadataMatch'), item.metadataMatch) }),
          }))
        : [{ name: message.cluster, weight: 1 }],
    idleTimeoutMs: message.idleTimeout ?? 3_600_000,
    maxDownstreamConnectionDurationMs: message.maxDownstreamConnectionDuration ?? 0,
    maxConnectAttempts: message.maxConnectAttempts ?? 1,
    ...(message.onDemand === undefined
      ? {}
      : { onDemand: decodeTcpOnDemand(scope.at('onDemand'), message.onDemand) }),
    hashPolicies: (message.hashPolicy ?? []).map((policy): HashPolicy => {
      if (policy.filterState !== undefined)
        scope.at('hashPolicy').fail('must be source_ip: no filter sets a state');
      return { terminal: false, kind: 'source_ip' };
    }),
    accessLogs: decodeAccessLogs(scope.at('accessLog'), message.accessLog),
    ...(message.metadataMatch === undefined
      ? {}
      : { metadataMatch: decodeMetadata(scope.at('metadataMatch'), message.metadataMatch) }),
    ...(message.tunnelingConfig === undefined
      ? {}
      : { tunnel: decodeTunnel(scope.at('tunnelingConfig'), message.tunnelingConfig) }),
    ...decodeLogTimes(scope, message),
  };
}

function decodeTunnel(scope: Scope, message: tcp.TcpProxy_TunnelingConfig): TcpTunnel {
  scope.check(tunnelPolicy, message);
  const { postPath, usePost = false } = message;
  if (postPath !== undefined && !usePost) scope.at('postPath').fail('is of use only with use_post');
  return {
    hostname: message.hostname ?? '',
    ...(usePost ? { postPath: postPath ?? '/' } : {}),
    headers: decodeHeaderAdditions(scope.at('headersToAdd'), message.headersToAdd),
  };
}

/** When lines are written besides the one at the end; the older fields and those that took their place. */
function decodeLogTimes(
  scope: Scope,
  message: tcp.TcpProxy,
): Pick<TcpProxy, 'logOnConnected' | 'logIntervalMs'> {
  const options = message.accessLogOptions;
  if (options !== undefined) scope.at('accessLogOptions').check(logOptionsPolicy, options);
  const { flushAccessLogOnConnected: onConnected, accessLogFlushInterval: intervalMs } = options ?? message;
  return {
    ...(onConnected === true ? { logOnConnected: true } : {}),
    ...(intervalMs === undefined ? {} : { logIntervalMs: intervalMs }),
  };
}
