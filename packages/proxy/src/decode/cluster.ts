import type { Cluster as ClusterMessage } from '@lateen/protocol/envoy/config/cluster/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import * as cluster from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterConfig as AggregateConfig } from '@lateen/protocol/envoy/extensions/clusters/aggregate/v3';
import { RedisClusterConfig } from '@lateen/protocol/envoy/extensions/clusters/redis/v3';
import { RedisProtocolOptions } from '@lateen/protocol/envoy/extensions/filters/network/redis_proxy/v3';
import type {
  HappyEyeballs,
  HealthCheck,
  HealthStatus,
  Cluster,
  Discovery,
  JsonValue,
  RedisCredentials,
} from '../model/index.ts';
import { decodeAddress, decodeMetadata, decodeSocketAddress } from './basics.ts';
import { decodeCircuitBreakers, decodeHostConnections, decodeOutlier } from './cluster-limits.ts';
import { decodeReference } from './config-source.ts';
import type { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { decodeAssignment, healthStatuses } from './endpoint.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHealthCheck } from './health-check.ts';
import { decodeLoadBalancingPolicy } from './load-balancing-policy.ts';
import { zoneAwareOf } from './zone-aware.ts';
import { decodeLoadBalancing, decodeSubsets } from './load-balancing.ts';
import { decodeMetadataKey } from './rate-limit-rules.ts';
import { decodeNameServers } from './dns-resolver.ts';
import { decodeRedisCredentials } from './redis-proxy.ts';
import { percentOf } from './percent.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';
import { decodeUpstreamTransport } from './tls.ts';
import { decodeUpstreamHttp, redisOptionsKey } from './upstream-http.ts';

const onlyStatistics = 'adds statistics only';

const preconnectPolicyPolicy = fieldPolicy(cluster.Cluster_PreconnectPolicy, ['perUpstreamPreconnectRatio'], {
  predictivePreconnectRatio: 'connections are made ahead to hosts that have requests',
});
const clusterPolicy = fieldPolicy(
  cluster.Cluster,
  [
    'name',
    'altStatName',
    'type',
    'clusterType',
    'edsClusterConfig',
    'connectTimeout',
    'perConnectionBufferLimitBytes',
    'lbPolicy',
    'loadBalancingPolicy',
    'loadAssignment',
    'healthChecks',
    'maxRequestsPerConnection',
    'circuitBreakers',
    'upstreamHttpProtocolOptions',
    'commonHttpProtocolOptions',
    'httpProtocolOptions',
    'http2ProtocolOptions',
    'typedExtensionProtocolOptions',
    'dnsRefreshRate',
    'dnsFailureRefreshRate',
    'respectDnsTtl',
    'dnsLookupFamily',
    'waitForWarmOnInit',
    'outlierDetection',
    'upstreamBindConfig',
    'lbSubsetConfig',
    'ringHashLbConfig',
    'maglevLbConfig',
    'originalDstLbConfig',
    'leastRequestLbConfig',
    'roundRobinLbConfig',
    'commonLbConfig',
    'transportSocket',
    'transportSocketMatches',
    'metadata',
    'protocolSelection',
    'upstreamConnectionOptions',
    'filters',
    'closeConnectionsOnHostHealthFailure',
    'connectionPoolPerDownstreamConnection',
    'preconnectPolicy',
    'dnsResolvers',
    'dnsResolutionConfig',
    'typedDnsResolverConfig',
  ],
  {
    useTcpForDnsLookups: 'names are asked for by UDP, and by TCP where the answer is too long',
    cleanupInterval: 'hosts of an original-destination cluster go with their last connection',
    ignoreHealthOnHostRemoval: 'a host that discovery drops is not used any more',
    trackTimeoutBudgets: onlyStatistics,
    trackClusterStats: onlyStatistics,
    lrsServer: 'loads are not reported by LRS',
    lrsReportEndpointMetrics: 'loads are not reported by LRS',
  },
);
const edsPolicy = fieldPolicy(cluster.Cluster_EdsClusterConfig, ['edsConfig', 'serviceName']);
const commonLbPolicy = fieldPolicy(
  cluster.Cluster_CommonLbConfig,
  [
    'healthyPanicThreshold',
    'localityWeightedLbConfig',
    'zoneAwareLbConfig',
    'overrideHostStatus',
    'closeConnectionsOnHostSetChange',
    'consistentHashingLbConfig',
  ],
  {
    updateMergeWindow: 'an update of hosts is used at once',
    ignoreNewHostsUntilFirstHc: 'a new host is used until a check fails',
  },
);
const keepalivePolicy = fieldPolicy(
  cluster.UpstreamConnectionOptions,
  ['tcpKeepalive', 'happyEyeballsConfig'],
  {
    setLocalInterfaceNameOnUpstreamConnections: 'nothing of this proxy reads the name',
  },
);
const ofTheSystem = 'the system asks 10 times, a second apart';
const tcpKeepalivePolicy = fieldPolicy(core.TcpKeepalive, ['keepaliveTime'], {
  keepaliveProbes: ofTheSystem,
  keepaliveInterval: ofTheSystem,
});
const bindPolicy = fieldPolicy(core.BindConfig, [
  'sourceAddress',
  'extraSourceAddresses',
  'additionalSourceAddresses',
]);
const extraSourcePolicy = fieldPolicy(core.ExtraSourceAddress, ['address']);
const originalDstPolicy = fieldPolicy(cluster.Cluster_OriginalDstLbConfig, [
  'useHttpHeader',
  'httpHeaderName',
  'metadataKey',
  'upstreamPortOverride',
]);

const aggregatePolicy = fieldPolicy(AggregateConfig, ['clusters']);
const redisClusterPolicy = fieldPolicy(
  RedisClusterConfig,
  ['clusterRefreshRate', 'clusterRefreshTimeout', 'redirectRefreshInterval', 'redirectRefreshThreshold'],
  {
    failureRefreshThreshold: 'nodes are asked again at intervals and after redirections',
    hostDegradedRefreshThreshold: 'nodes are asked again at intervals and after redirections',
  },
);
const aggregateName = 'envoy.clusters.aggregate';

export const clusterPolicies = [
  aggregatePolicy,
  redisClusterPolicy,
  clusterPolicy,
  preconnectPolicyPolicy,
  edsPolicy,
  commonLbPolicy,
  keepalivePolicy,
  originalDstPolicy,
  bindPolicy,
  extraSourcePolicy,
  tcpKeepalivePolicy,
];

/** Network filters of clusters whose work the proxy does elsewhere. */
const harmlessFilters = new Set([
  'istio.metadata_exchange',
  'envoy.filters.network.upstream.metadata_exchange',
]);

/** Where connections come from: Istio has one address for each family where pods have both. */
function decodeSources(
  scope: Scope,
  bind: core.BindConfig | undefined,
): Pick<Cluster, 'sourceAddress' | 'extraSourceAddresses'> {
  if (bind === undefined) return {};
  scope.check(bindPolicy, bind);
  const { sourceAddress: source, extraSourceAddresses = [], additionalSourceAddresses = [] } = bind;
  const extra = extraSourceAddresses.map((one, i) => {
    const at = scope.at('extraSourceAddresses').at(i);
    at.check(extraSourcePolicy, one);
    return decodeSocketAddress(at.at('address'), one.address ?? {});
  });
  // As Envoy, the older field counts only where the newer one is not there.
  const older = additionalSourceAddresses.map((one, i) =>
    decodeSocketAddress(scope.at('additionalSourceAddresses').at(i), one),
  );
  const others = extra.length > 0 ? extra : older;
  if (source === undefined) {
    if (others.length > 0) scope.at('sourceAddress').fail('must be set where there are others besides');
    return {};
  }
  const sourceAddress = decodeSocketAddress(scope.at('sourceAddress'), source);
  return { sourceAddress, ...(others.length === 0 ? {} : { extraSourceAddresses: others }) };
}

/** A cluster. */
export function decodeCluster(scope: Scope, message: ClusterMessage): Cluster {
  scope.check(clusterPolicy, message);
  const name = message.name ?? '';
  if (name === '') scope.at('name').fail('must not be empty');
  const connectTimeoutMs = message.connectTimeout ?? 5_000;
  if (connectTimeoutMs <= 0) scope.at('connectTimeout').fail('must be more than 0s');
  const http = decodeUpstreamHttp(scope, message);
  const discovery = decodeDiscovery(scope, message);
  checkBalancing(scope, message, discovery);
  const common = message.commonLbConfig ?? {};
  scope.at('commonLbConfig').check(commonLbPolicy, common);
  for (const [i, filter] of (message.filters ?? []).entries()) {
    if (!harmlessFilters.has(filter.name ?? '')) {
      scope.at('filters').at(i).fail(`network filter "${filter.name}" is not supported in a cluster`);
    }
  }
  const keepalive = message.upstreamConnectionOptions;
  if (keepalive !== undefined) scope.at('upstreamConnectionOptions').check(keepalivePolicy, keepalive);
  const policy =
    message.loadBalancingPolicy === undefined
      ? undefined
      : decodeLoadBalancingPolicy(scope.at('loadBalancingPolicy'), message.loadBalancingPolicy);
  const tcpKeepalive = keepalive?.tcpKeepalive;
  if (tcpKeepalive !== undefined)
    scope.at('upstreamConnectionOptions').at('tcpKeepalive').check(tcpKeepalivePolicy, tcpKeepalive);
  return {
    name,
    ...(message.altStatName === undefined ? {} : { statName: message.altStatName }),
    discovery,
    ...(message.loadAssignment === undefined
      ? {}
      : { loadAssignment: decodeOwnAssignment(scope.at('loadAssignment'), message, message.loadAssignment) }),
    loadBalancing: decodeLoadBalancing(scope, message),
    ...(message.lbSubsetConfig === undefined
      ? {}
      : { subsets: decodeSubsets(scope.at('lbSubsetConfig'), message.lbSubsetConfig) }),
    panicThresholdPercent: percentOf(common.healthyPanicThreshold, 50),
    ...(policy ?? {
      localityWeighted: common.localityWeightedLbConfig !== undefined,
      ...zoneAwareOf(common, common.localityWeightedLbConfig !== undefined),
    }),
    connectTimeoutMs,
    perConnectionBufferLimitBytes: message.perConnectionBufferLimitBytes ?? 1_048_576,
    ...optional(
      'maxHostConnections',
      decodeHostConnections(scope.at('circuitBreakers'), message.circuitBreakers ?? {}),
    ),
    ...optional('closeConnectionsOnHealthFailure', message.closeConnectionsOnHostHealthFailure),
    ...optional('overrideHostStatuses', overrideStatusesOf(scope, common)),
    ...optional('poolPerConnection', message.connectionPoolPerDownstreamConnection),
    circuitBreakers: decodeCircuitBreakers(scope.at('circuitBreakers'), message.circuitBreakers ?? {}),
    ...(message.outlierDetection === undefined
      ? {}
      : { outlierDetection: decodeOutlier(scope.at('outlierDetection'), message.outlierDetection) }),
    ...preconnectOf(scope, message),
    healthChecks: decodeHealthChecks(scope.at('healthChecks'), message.healthChecks ?? [], http.options),
    http: http.options,
    transport: decodeUpstreamTransport(scope.at('transportSocket'), message.transportSocket, http.auto),
    transportMatches: (message.transportSocketMatches ?? []).map((match, i) => ({
      name: match.name ?? '',
      match: (match.match ?? {}) as { readonly [key: string]: JsonValue },
      transport: decodeUpstreamTransport(
        scope.at('transportSocketMatches').at(i).at('transportSocket'),
        match.transportSocket,
        http.auto,
      ),
    })),
    ...decodeSources(scope.at('upstreamBindConfig'), message.upstreamBindConfig),
    ...optional(
      'happyEyeballs',
      happyEyeballsOf(scope.at('upstreamConnectionOptions'), keepalive?.happyEyeballsConfig),
    ),
    // Without a time it is Linux' own, two hours.
    ...(tcpKeepalive === undefined
      ? {}
      : { tcpKeepalive: { timeMs: (tcpKeepalive.keepaliveTime ?? 7_200) * 1_000 } }),
    ...redisOf(scope, message),
    closeConnectionsOnHostRemoval: common.closeConnectionsOnHostSetChange ?? false,
    metadata: decodeMetadata(scope.at('metadata'), message.metadata),
  };
}

/** Clusters that find their endpoints by themselves choose among them too, and no others do. */
function checkBalancing(scope: Scope, message: ClusterMessage, { kind }: Discovery): void {
  if (message.loadBalancingPolicy !== undefined) return;
  const own = message.lbPolicy === 'CLUSTER_PROVIDED';
  const at = scope.at('lbPolicy');
  if (own && message.lbSubsetConfig !== undefined) at.fail('CLUSTER_PROVIDED excludes lb_subset_config');
  else if (own && kind !== 'original_dst' && kind !== 'aggregate' && kind !== 'redis')
    at.fail('CLUSTER_PROVIDED is for clusters that choose by themselves: ORIGINAL_DST, aggregate');
  else if (!own && (kind === 'original_dst' || kind === 'aggregate'))
    at.fail(`must be CLUSTER_PROVIDED for ${kind === 'aggregate' ? aggregateName : 'ORIGINAL_DST'}`);
  if (kind === 'original_dst' && message.loadAssignment !== undefined)
    scope.at('loadAssignment').fail('ORIGINAL_DST has none: the endpoint is where the client wanted to go');
}

function happyEyeballsOf(
  scope: Scope,
  config: cluster.UpstreamConnectionOptions_HappyEyeballsConfig | undefined,
): HappyEyeballs | undefined {
  if (config === undefined) return undefined;
  const at = scope.at('happyEyeballsConfig');
  const families = { DEFAULT: 'default', V4: 'v4', V6: 'v6' } as const;
  const firstCount = config.firstAddressFamilyCount ?? 1;
  if (firstCount < 1) at.at('firstAddressFamilyCount').fail('must be at least 1');
  return {
    firstFamily: at
      .at('firstAddressFamilyVersion')
      .choice<HappyEyeballs['firstFamily']>(config.firstAddressFamilyVersion, families, 'default'),
    firstCount,
  };
}

/** The healths with which an endpoint keeps its sessions. */
function overrideStatusesOf(
  scope: Scope,
  { overrideHostStatus }: cluster.Cluster_CommonLbConfig,
): readonly HealthStatus[] | undefined {
  const at = scope.at('commonLbConfig').at('overrideHostStatus').at('statuses');
  return overrideHostStatus?.statuses?.map((one, i) => at.at(i).choice(one, healthStatuses, 'unknown'));
}

function optional<K extends string, V>(name: K, value: V | undefined): { readonly [k in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [k in K]?: V });
}

function redisOf(scope: Scope, message: ClusterMessage): { readonly redis?: RedisCredentials } {
  const any = message.typedExtensionProtocolOptions?.[redisOptionsKey];
  if (any === undefined) return {};
  const at = scope.at('typedExtensionProtocolOptions').entry(redisOptionsKey);
  return { redis: decodeRedisCredentials(at, at.unpack(RedisProtocolOptions, any) ?? {}) };
}

function decodeDiscovery(scope: Scope, message: ClusterMessage): Discovery {
  const custom = message.clusterType?.typedConfig;
  const customType = typeNameOf(custom);
  if (customType === AggregateConfig.typeName) {
    const at = scope.at('clusterType').at('typedConfig');
    const config = at.unpack(AggregateConfig, custom);
    if (config !== undefined) at.check(aggregatePolicy, config);
    const clusters = config?.clusters ?? [];
    if (clusters.length === 0) at.at('clusters').fail('must name at least one cluster');
    return { kind: 'aggregate', clusters };
  }
  if (customType === RedisClusterConfig.typeName) {
    const at = scope.at('clusterType').at('typedConfig');
    const config = at.unpack(RedisClusterConfig, custom) ?? {};
    at.check(redisClusterPolicy, config);
    return {
      kind: 'redis',
      refreshMs: config.clusterRefreshRate ?? 5_000,
      timeoutMs: config.clusterRefreshTimeout ?? 3_000,
      redirectThreshold: config.redirectRefreshThreshold ?? 5,
      redirectIntervalMs: config.redirectRefreshInterval ?? 5_000,
    };
  }
  if (message.clusterType !== undefined) {
    scope.at('clusterType').fail(`"${message.clusterType.name}" is not supported`);
    return { kind: 'static' };
  }
  switch (message.type ?? 'STATIC') {
    case 'STATIC':
      return { kind: 'static' };
    case 'EDS': {
      const eds = message.edsClusterConfig ?? {};
      const at = scope.at('edsClusterConfig');
      at.check(edsPolicy, eds);
      const { serviceName = '' } = eds;
      const wanted = serviceName === '' ? (message.name ?? '') : serviceName;
      decodeReference(at.at('edsConfig'), eds.edsConfig, 'endpoints', wanted);
      return { kind: 'eds', serviceName };
    }
    case 'STRICT_DNS':
    case 'LOGICAL_DNS':
      return {
        kind: message.type === 'LOGICAL_DNS' ? 'logical_dns' : 'strict_dns',
        refreshMs: message.dnsRefreshRate ?? 5_000,
        respectTtl: message.respectDnsTtl ?? false,
        ...nameServersOf(scope, message),
        ...failureRefreshOf(message),
        family: scope.at('dnsLookupFamily').choice(message.dnsLookupFamily, dnsFamilies, 'auto'),
        ...(message.waitForWarmOnInit === false ? { warms: false } : {}),
      };
    case 'ORIGINAL_DST': {
      const config = message.originalDstLbConfig ?? {};
      scope.at('originalDstLbConfig').check(originalDstPolicy, config);
      return {
        kind: 'original_dst',
        useHttpHeader: config.useHttpHeader ?? false,
        httpHeaderName: config.httpHeaderName ?? 'x-envoy-original-dst-host',
        ...(config.metadataKey === undefined
          ? {}
          : {
              metadataKey: decodeMetadataKey(
                scope.at('originalDstLbConfig').at('metadataKey'),
                config.metadataKey,
              ),
            }),
        ...(config.upstreamPortOverride === undefined ? {} : { portOverride: config.upstreamPortOverride }),
      };
    }
    default:
      scope.at('type').fail(`${message.type} is not supported`);
      return { kind: 'static' };
  }
}

/** As Envoy: a cluster has one health check at most, and gRPC's needs HTTP/2. */
function decodeHealthChecks(
  scope: Scope,
  list: readonly core.HealthCheck[],
  { protocol }: Cluster['http'],
): readonly HealthCheck[] {
  if (list.length > 1) scope.fail('multiple health checks are not supported');
  return list.map((message, i) => {
    const check = decodeHealthCheck(scope.at(i), message);
    if (check.check.kind === 'grpc' && protocol === 'http1')
      scope.at(i).at('grpcHealthCheck').fail('the cluster must speak HTTP/2');
    return check;
  });
}

function failureRefreshOf(message: ClusterMessage): { failureBaseMs?: number; failureMaxMs?: number } {
  const rate = message.dnsFailureRefreshRate;
  if (rate?.baseInterval === undefined) return {};
  return { failureBaseMs: rate.baseInterval, failureMaxMs: rate.maxInterval ?? rate.baseInterval * 10 };
}

const dnsFamilies: Readonly<Record<string, 'auto' | 'v4_only' | 'v6_only' | 'v4_preferred' | 'all'>> = {
  AUTO: 'auto',
  V4_ONLY: 'v4_only',
  V6_ONLY: 'v6_only',
  V4_PREFERRED: 'v4_preferred',
  ALL: 'all',
};

function nameServersOf(scope: Scope, message: ClusterMessage): { readonly nameServers?: readonly string[] } {
  const nameServers = decodeNameServers(scope, message);
  return nameServers.length === 0 ? {} : { nameServers };
}

function preconnectOf(
  scope: Scope,
  { preconnectPolicy }: ClusterMessage,
): { readonly preconnectRatio?: number } {
  if (preconnectPolicy === undefined) return {};
  scope.at('preconnectPolicy').check(preconnectPolicyPolicy, preconnectPolicy);
  const { perUpstreamPreconnectRatio: ratio } = preconnectPolicy;
  return ratio === undefined ? {} : { preconnectRatio: ratio };
}

/** The endpoints that come with a cluster; whether they may be names is a matter of its type. */
function decodeOwnAssignment(
  scope: Scope,
  { type, clusterType }: ClusterMessage,
  message: ClusterLoadAssignment,
): ReturnType<typeof decodeAssignment> {
  const looksUp = clusterType !== undefined || type === 'STRICT_DNS' || type === 'LOGICAL_DNS';
  const count = (message.endpoints ?? []).reduce((sum, one) => sum + (one.lbEndpoints?.length ?? 0), 0);
  if (type === 'LOGICAL_DNS' && clusterType === undefined && count !== 1)
    scope.fail(`LOGICAL_DNS takes exactly one endpoint, not ${count}: use STRICT_DNS for several`);
  return decodeAssignment(scope, message, looksUp ? decodeAddress : undefined);
}
