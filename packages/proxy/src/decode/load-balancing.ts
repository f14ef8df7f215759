import type {
  Cluster as ClusterMessage,
  Cluster_LbSubsetConfig,
  Cluster_SlowStartConfig,
} from '@lateen/protocol/envoy/config/cluster/v3';
import * as cluster from '@lateen/protocol/envoy/config/cluster/v3';
import type { LoadBalancing, SlowStart, SubsetBalancing } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

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
export const loadBalancingPolicies = [subsetPolicy];

/** How the endpoints of a cluster are chosen. */
export function decodeLoadBalancing(scope: Scope, message: ClusterMessage): LoadBalancing {
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

/** Which endpoints may be chosen, by the metadata of the route. */
export function decodeSubsets(scope: Scope, message: Cluster_LbSubsetConfig): SubsetBalancing {
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
