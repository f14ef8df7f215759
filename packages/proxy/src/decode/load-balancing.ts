import type {
  Cluster as ClusterMessage,
  Cluster_LbSubsetConfig,
  Cluster_LbSubsetConfig_LbSubsetSelector,
  Cluster_SlowStartConfig,
} from '@lateen/protocol/envoy/config/cluster/v3';
import * as cluster from '@lateen/protocol/envoy/config/cluster/v3';
import type {
  LoadBalancing,
  SlowStart,
  SubsetBalancing,
  SubsetFallback,
  SubsetSelector,
} from '../model/index.ts';
import { consistentOptions, maglevTableSize, ringSizes } from './consistent-hashing.ts';
import { fieldPolicy } from './field-policy.ts';
import { percentOf } from './percent.ts';
import type { Scope } from './scope.ts';

const subsetPolicy = fieldPolicy(cluster.Cluster_LbSubsetConfig, [
  'fallbackPolicy',
  'defaultSubset',
  'subsetSelectors',
  'panicModeAny',
  'listAsAny',
  'localityWeightAware',
  'scaleLocalityWeight',
  'metadataFallbackPolicy',
]);
const selectorPolicy = fieldPolicy(cluster.Cluster_LbSubsetConfig_LbSubsetSelector, [
  'keys',
  'fallbackPolicy',
  'fallbackKeysSubset',
  'singleHostPerSubset',
]);
export const loadBalancingPolicies = [subsetPolicy, selectorPolicy];

/** How the endpoints of a cluster are chosen. */
export function decodeLoadBalancing(scope: Scope, message: ClusterMessage): LoadBalancing {
  const consistent = consistentOptions(
    scope.at('commonLbConfig').at('consistentHashingLbConfig'),
    message.commonLbConfig?.consistentHashingLbConfig,
  );
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
        ...ringSizes(scope.at('ringHashLbConfig'), config),
        hashFunction: config.hashFunction === 'MURMUR_HASH_2' ? 'murmur_hash_2' : 'xx_hash',
        ...consistent,
      };
    }
    case 'MAGLEV':
      return {
        kind: 'maglev',
        tableSize: maglevTableSize(scope.at('maglevLbConfig'), message.maglevLbConfig?.tableSize),
        ...consistent,
      };
    case 'CLUSTER_PROVIDED':
      return { kind: 'cluster_provided' };
    default:
      scope.at('lbPolicy').fail(`${message.lbPolicy} is not supported`);
      return { kind: 'round_robin' };
  }
}

/** How new hosts start; the same in the fields of a cluster and in its policies. */
export function slowStartOf(config: Cluster_SlowStartConfig | undefined): { readonly slowStart?: SlowStart } {
  if (config === undefined) return {};
  return {
    slowStart: {
      windowMs: config.slowStartWindow ?? 0,
      aggression: config.aggression?.defaultValue ?? 1,
      minWeightPercent: percentOf(config.minWeightPercent, 10),
    },
  };
}

const fallbacks: Readonly<Record<string, SubsetFallback>> = {
  NO_FALLBACK: 'none',
  ANY_ENDPOINT: 'any',
  DEFAULT_SUBSET: 'default_subset',
};

function decodeSelector(scope: Scope, message: Cluster_LbSubsetConfig_LbSubsetSelector): SubsetSelector {
  scope.check(selectorPolicy, message);
  const at = scope.at('fallbackPolicy');
  const policies = { ...fallbacks, KEYS_SUBSET: 'keys_subset', NOT_DEFINED: undefined } as const;
  const fallback =
    message.fallbackPolicy === undefined || message.fallbackPolicy === 'NOT_DEFINED'
      ? undefined
      : at.choice<SubsetFallback | 'keys_subset' | undefined>(message.fallbackPolicy, policies, undefined);
  const keys = message.keys ?? [];
  const fallbackKeys = message.fallbackKeysSubset ?? [];
  if (fallback === 'keys_subset' && !isProperSubset(fallbackKeys, keys)) {
    scope.at('fallbackKeysSubset').fail('must be some, but not all, of the keys of the selector');
  }
  const singleHost = message.singleHostPerSubset === true;
  if (singleHost && keys.length !== 1)
    scope.at('singleHostPerSubset').fail('is possible only with exactly one key');
  return {
    keys,
    fallbackKeys,
    ...(fallback === undefined ? {} : { fallback }),
    ...(singleHost ? { singleHost } : {}),
  };
}

function isProperSubset(some: readonly string[], all: readonly string[]): boolean {
  return some.length > 0 && some.length < all.length && some.every((key) => all.includes(key));
}

/** Which endpoints may be chosen, by the metadata of the route. */
export function decodeSubsets(scope: Scope, message: Cluster_LbSubsetConfig): SubsetBalancing {
  scope.check(subsetPolicy, message);
  const byList = scope
    .at('metadataFallbackPolicy')
    .choice(message.metadataFallbackPolicy, { METADATA_NO_FALLBACK: false, FALLBACK_LIST: true }, false);
  const localityWeights = message.scaleLocalityWeight === true ? 'scaled' : 'kept';
  return {
    fallback: scope.at('fallbackPolicy').choice(message.fallbackPolicy, fallbacks, 'none'),
    defaultSubset: (message.defaultSubset ?? {}) as SubsetBalancing['defaultSubset'],
    selectors: (message.subsetSelectors ?? []).map((selector, i) =>
      decodeSelector(scope.at('subsetSelectors').at(i), selector),
    ),
    panicModeAny: message.panicModeAny ?? false,
    listAsAny: message.listAsAny ?? false,
    ...(message.localityWeightAware === true ? { localityWeights } : {}),
    ...(byList ? { fallbackList: true } : {}),
  };
}
