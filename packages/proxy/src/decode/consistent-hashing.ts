import { ConsistentHashingLbConfig } from '@lateen/protocol/envoy/extensions/load_balancing_policies/common/v3';
import { Cluster_CommonLbConfig_ConsistentHashingLbConfig } from '@lateen/protocol/envoy/config/cluster/v3';
import type { RingHash } from '@lateen/protocol/envoy/extensions/load_balancing_policies/ring_hash/v3';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const policyPolicy = fieldPolicy(ConsistentHashingLbConfig, ['useHostnameForHashing', 'hashBalanceFactor']);
const commonPolicy = fieldPolicy(Cluster_CommonLbConfig_ConsistentHashingLbConfig, [
  'useHostnameForHashing',
  'hashBalanceFactor',
]);

export const consistentHashingPolicies = [policyPolicy, commonPolicy];

/** The least size of a hash ring must fit the most (Envoy: 1,024 and 8M where nothing is said). */
export function ringSizes(
  scope: Scope,
  {
    minimumRingSize = 1_024,
    maximumRingSize = 8_388_608,
  }: Pick<RingHash, 'minimumRingSize' | 'maximumRingSize'>,
): { readonly minRingSize: number; readonly maxRingSize: number } {
  if (minimumRingSize > maximumRingSize)
    scope.at('minimumRingSize').fail(`${minimumRingSize} is more than maximum_ring_size, ${maximumRingSize}`);
  return { minRingSize: minimumRingSize, maxRingSize: maximumRingSize };
}

/** The size of Maglev's table, whose permutations need a prime number. */
export function maglevTableSize(scope: Scope, size = 65_537): number {
  if (!isPrime(size)) scope.at('tableSize').fail(`must be a prime number, as 65537; ${size} is none`);
  return size;
}

function isPrime(value: number): boolean {
  if (value < 2) return false;
  for (let factor = 2; factor * factor <= value; factor++) if (value % factor === 0) return false;
  return true;
}

/** What `common_lb_config` and the policies say alike about consistent hashing. */
export function consistentOptions(scope: Scope, config: ConsistentHashingLbConfig | undefined) {
  if (config !== undefined) scope.check(policyPolicy, config);
  const factor = config?.hashBalanceFactor ?? 0;
  if (factor !== 0 && factor < 100) scope.at('hashBalanceFactor').fail('must be at least 100');
  return {
    useHostnameForHashing: config?.useHostnameForHashing ?? false,
    ...(factor === 0 ? {} : { hashBalanceFactor: factor }),
  };
}
