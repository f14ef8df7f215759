import type {
  CircuitBreakers_Thresholds,
  Cluster as ClusterMessage,
  Cluster_LbSubsetConfig,
  Cluster_SlowStartConfig,
  OutlierDetection as OutlierMessage,
} from '@lateen/protocol/envoy/config/cluster/v3';
import * as cluster from '@lateen/protocol/envoy/config/cluster/v3';
import {
  defaultThresholds,
  type CircuitBreakerThresholds,
  type Cluster,
  type Discovery,
  type JsonValue,
  type LoadBalancing,
  type OutlierDetection,
  type SlowStart,
  type SubsetBalancing,
} from '../model/index.ts';
import { decodeConfigSource, decodeMetadata, decodeSocketAddress } from './basics.ts';
import { decodeAssignment } from './endpoint.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHealthCheck } from './health-check.ts';
import type { Scope } from './scope.ts';
import { decodeUpstreamTransport } from './tls.ts';
import { decodeUpstreamHttp } from './upstream-http.ts';

const onlyStatistics = 'adds statistics only';

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
    'respectDnsTtl',
    'dnsLookupFamily',
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
  ],
  {
    dnsFailureRefreshRate: 'a name that cannot be resolved is tried again at the refresh rate',
    useTcpForDnsLookups: 'names are resolved by the system',
    typedDnsResolverConfig: 'names are resolved by the system',
    dnsResolutionConfig: 'names are resolved by the system',
    waitForWarmOnInit: 'every cluster is waited for at the start',
    cleanupInterval: 'hosts of an original-destination cluster go with their last connection',
    ignoreHealthOnHostRemoval: 'a host that discovery drops is not used any more',
    closeConnectionsOnHostHealthFailure: 'connections of a host that fails end by themselves',
    trackTimeoutBudgets: onlyStatistics,
    trackClusterStats: onlyStatistics,
    lrsServer: 'loads are not reported by LRS',
    lrsReportEndpointMetrics: 'loads are not reported by LRS',
    preconnectPolicy: 'connections are made when they are needed',
  },
);
const edsPolicy = fieldPolicy(cluster.Cluster_EdsClusterConfig, ['edsConfig', 'serviceName']);
const commonLbPolicy = fieldPolicy(
  cluster.Cluster_CommonLbConfig,
  [
    'healthyPanicThreshold',
    'localityWeightedLbConfig',
    'closeConnectionsOnHostSetChange',
    'consistentHashingLbConfig',
  ],
  {
    zoneAwareLbConfig: 'hosts of all zones of a priority are used',
    updateMergeWindow: 'an update of hosts is used at once',
    ignoreNewHostsUntilFirstHc: 'a new host is used until a check fails',
    overrideHostStatus: 'no filter of this proxy overrides the host',
  },
);
const thresholdsPolicy = fieldPolicy(
  cluster.CircuitBreakers_Thresholds,
  [
    'priority',
    'maxConnections',
    'maxPendingRequests',
    'maxRequests',
    'maxRetries',
    'retryBudget',
    'trackRemaining',
  ],
  { maxConnectionPools: 'there is one pool an endpoint' },
);
const circuitBreakersPolicy = fieldPolicy(cluster.CircuitBreakers, ['thresholds'], {
  perHostThresholds: 'limits hold for the cluster as a whole',
});
const outlierPolicy = fieldPolicy(
  cluster.OutlierDetection,
  [
    'consecutive5xx',
    'interval',
    'baseEjectionTime',
    'maxEjectionPercent',
    'enforcingConsecutive5xx',
    'enforcingSuccessRate',
    'successRateMinimumHosts',
    'successRateRequestVolume',
    'successRateStdevFactor',
    'consecutiveGatewayFailure',
    'enforcingConsecutiveGatewayFailure',
    'splitExternalLocalOriginErrors',
    'consecutiveLocalOriginFailure',
    'enforcingConsecutiveLocalOriginFailure',
    'failurePercentageThreshold',
    'enforcingFailurePercentage',
    'failurePercentageMinimumHosts',
    'failurePercentageRequestVolume',
    'maxEjectionTime',
  ],
  {
    enforcingLocalOriginSuccessRate: 'success rates count both origins',
    enforcingFailurePercentageLocalOrigin: 'failure percentages count both origins',
    maxEjectionTimeJitter: 'ejection times have no jitter',
    successfulActiveHealthCheckUnejectHost: 'an ejected host comes back by time',
    alwaysEjectOneHost: 'max_ejection_percent decides',
  },
);
const subsetPolicy = fieldPolicy(
  cluster.Cluster_LbSubsetConfig,
  ['fallbackPolicy', 'defaultSubset', 'subsetSelectors'],
  {
    localityWeightAware: 'subsets are balanced by the weight of their hosts',
    scaleLocalityWeight: 'subsets are balanced by the weight of their hosts',
    panicModeAny: 'panic uses the hosts of the subset',
    listAsAny: 'a list is compared as a whole',
    metadataFallbackPolicy: 'metadata has no list of fallbacks',
  },
);
const keepalivePolicy = fieldPolicy(cluster.UpstreamConnectionOptions, ['tcpKeepalive'], {
  setLocalInterfaceNameOnUpstreamConnections: 'nothing of this proxy reads the name',
  happyEyeballsConfig: 'the first address is used',
});
const originalDstPolicy = fieldPolicy(cluster.Cluster_OriginalDstLbConfig, [
  'useHttpHeader',
  'httpHeaderName',
  'upstreamPortOverride',
]);

export const clusterPolicies = [
  clusterPolicy,
  edsPolicy,
  commonLbPolicy,
  thresholdsPolicy,
  circuitBreakersPolicy,
  outlierPolicy,
  subsetPolicy,
  keepalivePolicy,
  originalDstPolicy,
];

/** Network filters of clusters whose work the proxy does elsewhere. */
const harmlessFilters = new Set([
  'istio.metadata_exchange',
  'envoy.filters.network.upstream.metadata_exchange',
]);

/** A cluster. */
export function decodeCluster(scope: Scope, message: ClusterMessage): Cluster {
  scope.check(clusterPolicy, message);
  const name = message.name ?? '';
  if (name === '') scope.at('name').fail('must not be empty');
  const connectTimeoutMs = message.connectTimeout ?? 5_000;
  if (connectTimeoutMs <= 0) scope.at('connectTimeout').fail('must be more than 0s');
  const http = decodeUpstreamHttp(scope, message);
  const common = message.commonLbConfig ?? {};
  scope.at('commonLbConfig').check(commonLbPolicy, common);
  for (const [i, filter] of (message.filters ?? []).entries()) {
    if (!harmlessFilters.has(filter.name ?? '')) {
      scope.at('filters').at(i).fail(`network filter "${filter.name}" is not supported in a cluster`);
    }
  }
  const keepalive = message.upstreamConnectionOptions;
  if (keepalive !== undefined) scope.at('upstreamConnectionOptions').check(keepalivePolicy, keepalive);
  const source = message.upstreamBindConfig?.sourceAddress;
  const keepaliveTime = keepalive?.tcpKeepalive?.keepaliveTime;
  return {
    name,
    ...(message.altStatName === undefined ? {} : { statName: message.altStatName }),
    discovery: decodeDiscovery(scope, message),
    ...(message.loadAssignment === undefined
      ? {}
      : { loadAssignment: decodeAssignment(scope.at('loadAssignment'), message.loadAssignment) }),
    loadBalancing: decodeLoadBalancing(scope, message),
    ...(message.lbSubsetConfig === undefined
      ? {}
      : { subsets: decodeSubsets(scope.at('lbSubsetConfig'), message.lbSubsetConfig) }),
    panicThresholdPercent:
      common.healthyPanicThreshold === undefined ? 50 : (common.healthyPanicThreshold.value ?? 0),
    localityWeighted: common.localityWeightedLbConfig !== undefined,
    connectTimeoutMs,
    perConnectionBufferLimitBytes: message.perConnectionBufferLimitBytes ?? 1_048_576,
    circuitBreakers: decodeCircuitBreakers(scope.at('circuitBreakers'), message.circuitBreakers ?? {}),
    ...(message.outlierDetection === undefined
      ? {}
      : { outlierDetection: decodeOutlier(scope.at('outlierDetection'), message.outlierDetection) }),
    healthChecks: (message.healthChecks ?? []).map((check, i) =>
      decodeHealthCheck(scope.at('healthChecks').at(i), check),
    ),
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
    ...(source === undefined
      ? {}
      : { sourceAddress: decodeSocketAddress(scope.at('upstreamBindConfig').at('sourceAddress'), source) }),
    ...(keepaliveTime === undefined ? {} : { tcpKeepalive: { timeMs: keepaliveTime * 1_000 } }),
    closeConnectionsOnHostRemoval: common.closeConnectionsOnHostSetChange ?? false,
    metadata: decodeMetadata(scope.at('metadata'), message.metadata),
  };
}

function decodeDiscovery(scope: Scope, message: ClusterMessage): Discovery {
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
      decodeConfigSource(at.at('edsConfig'), eds.edsConfig);
      return { kind: 'eds', serviceName: eds.serviceName ?? '' };
    }
    case 'STRICT_DNS':
    case 'LOGICAL_DNS':
      return {
        kind: message.type === 'LOGICAL_DNS' ? 'logical_dns' : 'strict_dns',
        refreshMs: message.dnsRefreshRate ?? 5_000,
        respectTtl: message.respectDnsTtl ?? false,
        family: scope.at('dnsLookupFamily').choice(message.dnsLookupFamily, dnsFamilies, 'auto'),
      };
    case 'ORIGINAL_DST': {
      const config = message.originalDstLbConfig ?? {};
      scope.at('originalDstLbConfig').check(originalDstPolicy, config);
      return {
        kind: 'original_dst',
        useHttpHeader: config.useHttpHeader ?? false,
        httpHeaderName: config.httpHeaderName ?? 'x-envoy-original-dst-host',
        ...(config.upstreamPortOverride === undefined ? {} : { portOverride: config.upstreamPortOverride }),
      };
    }
    default:
      scope.at('type').fail(`${message.type} is not supported`);
      return { kind: 'static' };
  }
}

const dnsFamilies: Readonly<Record<string, 'auto' | 'v4_only' | 'v6_only' | 'v4_preferred' | 'all'>> = {
  AUTO: 'auto',
  V4_ONLY: 'v4_only',
  V6_ONLY: 'v6_only',
  V4_PREFERRED: 'v4_preferred',
  ALL: 'all',
};

function decodeLoadBalancing(scope: Scope, message: ClusterMessage): LoadBalancing {
  const useHostnameForHashing =
    message.commonLbConfig?.consistentHashingLbConfig?.useHostnameForHashing ?? false;
  switch (message.lbPolicy ?? 'ROUND_ROBIN') {
    case 'ROUND_ROBIN':
      return { kind: 'round_robin', ...slowStartOf(message.roundRobinLbConfig?.slowStartConfig) };
    case 'LEAST_REQUEST': {
      const config = message.leastRequestLbConfig;
      const choiceCount = config?.choiceCount ?? 2;
      if (choiceCount < 2) scope.at('leastRequestLbConfig').at('choiceCount').fail('must be at least 2');
      return {
        kind: 'least_request',
        choiceCount,
        activeRequestBias: config?.activeRequestBias?.defaultValue ?? 1,
        ...slowStartOf(config?.slowStartConfig),
      };
    }
    case 'RANDOM':
      return { kind: 'random' };
    case 'RING_HASH': {
      const config = message.ringHashLbConfig ?? {};
      return {
        kind: 'ring_hash',
        minRingSize: config.minimumRingSize ?? 1_024,
        maxRingSize: config.maximumRingSize ?? 8_388_608,
        hashFunction: config.hashFunction === 'MURMUR_HASH_2' ? 'murmur_hash_2' : 'xx_hash',
        useHostnameForHashing,
      };
    }
    case 'MAGLEV':
      return {
        kind: 'maglev',
        tableSize: message.maglevLbConfig?.tableSize ?? 65_537,
        useHostnameForHashing,
      };
    case 'CLUSTER_PROVIDED':
      return { kind: 'cluster_provided' };
    default:
      scope.at('lbPolicy').fail(`${message.lbPolicy} is not supported`);
      return { kind: 'round_robin' };
  }
}

function slowStartOf(config: Cluster_SlowStartConfig | undefined): { readonly slowStart?: SlowStart } {
  if (config === undefined) return {};
  return {
    slowStart: {
      windowMs: config.slowStartWindow ?? 0,
      aggression: config.aggression?.defaultValue ?? 1,
      minWeightPercent: config.minWeightPercent?.value ?? 10,
    },
  };
}

function decodeSubsets(scope: Scope, message: Cluster_LbSubsetConfig): SubsetBalancing {
  scope.check(subsetPolicy, message);
  const fallbacks: Readonly<Record<string, SubsetBalancing['fallback']>> = {
    NO_FALLBACK: 'none',
    ANY_ENDPOINT: 'any',
    DEFAULT_SUBSET: 'default_subset',
  };
  return {
    fallback: scope.at('fallbackPolicy').choice(message.fallbackPolicy, fallbacks, 'none'),
    defaultSubset: (message.defaultSubset ?? {}) as SubsetBalancing['defaultSubset'],
    selectors: (message.subsetSelectors ?? []).map((selector) => ({ keys: selector.keys ?? [] })),
  };
}

function decodeCircuitBreakers(scope: Scope, message: cluster.CircuitBreakers): Cluster['circuitBreakers'] {
  scope.check(circuitBreakersPolicy, message);
  const result = { default: defaultThresholds, high: defaultThresholds };
  for (const [i, thresholds] of (message.thresholds ?? []).entries()) {
    const priority = thresholds.priority === 'HIGH' ? 'high' : 'default';
    result[priority] = decodeThresholds(scope.at('thresholds').at(i), thresholds);
  }
  return result;
}

function decodeThresholds(scope: Scope, message: CircuitBreakers_Thresholds): CircuitBreakerThresholds {
  scope.check(thresholdsPolicy, message);
  const budget = message.retryBudget;
  return {
    maxConnections: message.maxConnections ?? defaultThresholds.maxConnections,
    maxPendingRequests: message.maxPendingRequests ?? defaultThresholds.maxPendingRequests,
    maxRequests: message.maxRequests ?? defaultThresholds.maxRequests,
    maxRetries: message.maxRetries ?? defaultThresholds.maxRetries,
    ...(budget === undefined
      ? {}
      : {
          retryBudget: {
            budgetPercent: budget.budgetPercent === undefined ? 20 : (budget.budgetPercent.value ?? 0),
            minRetryConcurrency: budget.minRetryConcurrency ?? 3,
          },
        }),
    trackRemaining: message.trackRemaining ?? false,
  };
}

/** Defaults are Envoy's (envoy.config.cluster.v3.OutlierDetection). */
function decodeOutlier(scope: Scope, message: OutlierMessage): OutlierDetection {
  scope.check(outlierPolicy, message);
  const baseEjectionTimeMs = message.baseEjectionTime ?? 30_000;
  return {
    consecutive5xx: message.consecutive5xx ?? 5,
    consecutiveGatewayFailure: message.consecutiveGatewayFailure ?? 5,
    consecutiveLocalOriginFailure: message.consecutiveLocalOriginFailure ?? 5,
    enforcingConsecutive5xx: message.enforcingConsecutive5xx ?? 100,
    enforcingConsecutiveGatewayFailure: message.enforcingConsecutiveGatewayFailure ?? 0,
    enforcingConsecutiveLocalOriginFailure: message.enforcingConsecutiveLocalOriginFailure ?? 100,
    enforcingSuccessRate: message.enforcingSuccessRate ?? 100,
    successRateMinimumHosts: message.successRateMinimumHosts ?? 5,
    successRateRequestVolume: message.successRateRequestVolume ?? 100,
    successRateStdevFactor: message.successRateStdevFactor ?? 1_900,
    failurePercentageThreshold: message.failurePercentageThreshold ?? 85,
    enforcingFailurePercentage: message.enforcingFailurePercentage ?? 0,
    failurePercentageMinimumHosts: message.failurePercentageMinimumHosts ?? 5,
    failurePercentageRequestVolume: message.failurePercentageRequestVolume ?? 50,
    splitExternalLocalOriginErrors: message.splitExternalLocalOriginErrors ?? false,
    intervalMs: message.interval ?? 10_000,
    baseEjectionTimeMs,
    maxEjectionTimeMs: message.maxEjectionTime ?? Math.max(baseEjectionTimeMs, 300_000),
    maxEjectionPercent: message.maxEjectionPercent ?? 10,
  };
}
