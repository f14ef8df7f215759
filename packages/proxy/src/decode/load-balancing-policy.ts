import type { Any } from '@lateen/protocol';
import type { LoadBalancingPolicy } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterProvided } from '@lateen/protocol/envoy/extensions/load_balancing_policies/cluster_provided/v3';
import { LocalityLbConfig } from '@lateen/protocol/envoy/extensions/load_balancing_policies/common/v3';
import { LeastRequest } from '@lateen/protocol/envoy/extensions/load_balancing_policies/least_request/v3';
import { Maglev } from '@lateen/protocol/envoy/extensions/load_balancing_policies/maglev/v3';
import { Random } from '@lateen/protocol/envoy/extensions/load_balancing_policies/random/v3';
import { RingHash } from '@lateen/protocol/envoy/extensions/load_balancing_policies/ring_hash/v3';
import { RoundRobin } from '@lateen/protocol/envoy/extensions/load_balancing_policies/round_robin/v3';
import { WrrLocality } from '@lateen/protocol/envoy/extensions/load_balancing_policies/wrr_locality/v3';
import type { LoadBalancing, ZoneAware } from '../model/index.ts';
import { consistentOptions, maglevTableSize, ringSizes } from './consistent-hashing.ts';
import { fieldPolicy } from './field-policy.ts';
import { slowStartOf } from './load-balancing.ts';
import type { Scope } from './scope.ts';
import { structIn, typeNameOf } from './typed-any.ts';
import { zoneAwareOf } from './zone-aware.ts';

const oldPlace = 'has moved to consistent_hashing_lb_config';
const roundRobinPolicy = fieldPolicy(RoundRobin, ['slowStartConfig', 'localityLbConfig']);
const leastRequestPolicy = fieldPolicy(LeastRequest, [
  'choiceCount',
  'activeRequestBias',
  'slowStartConfig',
  'localityLbConfig',
  'selectionMethod',
  'enableFullScan',
]);
const randomPolicy = fieldPolicy(Random, ['localityLbConfig']);
const ringHashPolicy = fieldPolicy(
  RingHash,
  [
    'hashFunction',
    'minimumRingSize',
    'maximumRingSize',
    'consistentHashingLbConfig',
    'localityWeightedLbConfig',
  ],
  { useHostnameForHashing: oldPlace, hashBalanceFactor: oldPlace },
);
const maglevPolicy = fieldPolicy(Maglev, [
  'tableSize',
  'consistentHashingLbConfig',
  'localityWeightedLbConfig',
]);
const localityPolicy = fieldPolicy(LocalityLbConfig, ['localityWeightedLbConfig', 'zoneAwareLbConfig']);
const wrrPolicy = fieldPolicy(WrrLocality, ['endpointPickingPolicy']);

export const loadBalancingPolicyPolicies = [
  roundRobinPolicy,
  leastRequestPolicy,
  randomPolicy,
  ringHashPolicy,
  maglevPolicy,
  localityPolicy,
  wrrPolicy,
];

/** A policy, and whether localities are weighed. */
export interface DecodedPolicy {
  readonly loadBalancing: LoadBalancing;
  readonly localityWeighted: boolean;
  readonly zoneAware?: ZoneAware;
}

/** The first policy of the list that this proxy knows, as Envoy takes it. */
export function decodeLoadBalancingPolicy(scope: Scope, message: LoadBalancingPolicy): DecodedPolicy {
  for (const [i, { typedExtensionConfig }] of (message.policies ?? []).entries()) {
    const any = typedExtensionConfig?.typedConfig;
    if (any === undefined) continue;
    const at = scope.at('policies').at(i).at('typedExtensionConfig').at('typedConfig');
    const decoded = decodePolicy(at, any);
    if (decoded !== undefined) return decoded;
  }
  scope.fail('must have a policy that this proxy knows');
  return { loadBalancing: { kind: 'round_robin' }, localityWeighted: false };
}

function decodePolicy(scope: Scope, any: Any): DecodedPolicy | undefined {
  if (typeNameOf(any) === RoundRobin.typeName) {
    const policy = scope.unpack(RoundRobin, any) ?? {};
    scope.check(roundRobinPolicy, policy);
    return {
      loadBalancing: { kind: 'round_robin', ...slowStartOf(policy.slowStartConfig) },
      ...localitiesOf(scope, policy.localityLbConfig),
    };
  }
  if (typeNameOf(any) === LeastRequest.typeName)
    return decodeLeastRequest(scope, scope.unpack(LeastRequest, any) ?? {});
  if (typeNameOf(any) === Random.typeName) {
    const policy = scope.unpack(Random, any) ?? {};
    scope.check(randomPolicy, policy);
    return {
      loadBalancing: { kind: 'random' },
      ...localitiesOf(scope, policy.localityLbConfig),
    };
  }
  if (typeNameOf(any) === RingHash.typeName) return decodeRingHash(scope, scope.unpack(RingHash, any) ?? {});
  if (typeNameOf(any) === Maglev.typeName) {
    const policy = scope.unpack(Maglev, any) ?? {};
    scope.check(maglevPolicy, policy);
    const options = consistentOptions(
      scope.at('consistentHashingLbConfig'),
      policy.consistentHashingLbConfig,
    );
    return {
      loadBalancing: { kind: 'maglev', tableSize: maglevTableSize(scope, policy.tableSize), ...options },
      localityWeighted: policy.localityWeightedLbConfig !== undefined,
    };
  }
  if (typeNameOf(any) === ClusterProvided.typeName)
    return { loadBalancing: { kind: 'cluster_provided' }, localityWeighted: false };
  if (typeNameOf(any) === WrrLocality.typeName) {
    const policy = scope.unpack(WrrLocality, any) ?? {};
    scope.check(wrrPolicy, policy);
    const inner = decodeLoadBalancingPolicy(
      scope.at('endpointPickingPolicy'),
      policy.endpointPickingPolicy ?? {},
    );
    return { loadBalancing: inner.loadBalancing, localityWeighted: true };
  }
  return typeNameOf(any).endsWith('.PeakEwma') ? decodePeakEwma(scope, any) : undefined;
}

function localitiesOf(
  scope: Scope,
  config: LocalityLbConfig | undefined,
): Pick<DecodedPolicy, 'localityWeighted' | 'zoneAware'> {
  if (config !== undefined) scope.at('localityLbConfig').check(localityPolicy, config);
  const localityWeighted = config?.localityWeightedLbConfig !== undefined;
  return { localityWeighted, ...zoneAwareOf(config ?? {}, localityWeighted) };
}

function decodeLeastRequest(scope: Scope, policy: LeastRequest): DecodedPolicy {
  scope.check(leastRequestPolicy, policy);
  const choiceCount = policy.choiceCount ?? 2;
  if (choiceCount < 2) scope.at('choiceCount').fail('must be at least 2');
  const method = scope
    .at('selectionMethod')
    .choice(policy.selectionMethod, { N_CHOICES: false, FULL_SCAN: true }, policy.enableFullScan ?? false);
  return {
    loadBalancing: {
      kind: 'least_request',
      choiceCount,
      fullScan: method,
      activeRequestBias: policy.activeRequestBias?.defaultValue ?? 1,
      ...slowStartOf(policy.slowStartConfig),
    },
    ...localitiesOf(scope, policy.localityLbConfig),
  };
}

function decodeRingHash(scope: Scope, policy: RingHash): DecodedPolicy {
  scope.check(ringHashPolicy, policy);
  return {
    loadBalancing: {
      kind: 'ring_hash',
      ...ringSizes(scope, policy),
      hashFunction: policy.hashFunction === 'MURMUR_HASH_2' ? 'murmur_hash_2' : 'xx_hash',
      ...consistentOptions(scope.at('consistentHashingLbConfig'), policy.consistentHashingLbConfig),
    },
    localityWeighted: policy.localityWeightedLbConfig !== undefined,
  };
}

/**
 * Peak EWMA has no message among those that the proxy is built with: it comes as a TypedStruct whose type
 * ends in `.PeakEwma`, with `decay_time` as in `"10s"`.
 */
function decodePeakEwma(scope: Scope, any: Any): DecodedPolicy | undefined {
  const struct = structIn(any);
  if (struct === undefined) return undefined;
  const at = scope.at('value');
  for (const key of Object.keys(struct.value ?? {}))
    if (key !== 'decay_time') at.at(key).fail('is not supported by this proxy');
  const decay = struct.value?.['decay_time'] ?? '10s';
  const seconds = typeof decay === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(decay)?.[1] : undefined;
  if (seconds === undefined || Number(seconds) === 0)
    at.at('decay_time').fail('must be a duration of more than 0s, as "10s"');
  return {
    loadBalancing: { kind: 'peak_ewma', decayMs: Number(seconds ?? 10) * 1_000 },
    localityWeighted: false,
  };
}
