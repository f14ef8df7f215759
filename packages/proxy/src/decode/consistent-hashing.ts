import { ConsistentHashingLbConfig } from '@lateen/protocol/envoy/extensions/load_balancing_policies/common/v3';
import { Cluster_CommonLbConfig_ConsistentHashingLbConfig } from '@lateen/protocol/envoy/config/cluster/v3';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const policyPolicy = fieldPolicy(ConsistentHashingLbConfig, ['useHostnameForHashing', 'hashBalanceFactor']);
const commonPolicy = fieldPolicy(Cluster_CommonLbConfig_ConsistentHashingLbConfig, [
  'useHostnameForHashing',
  'hashBalanceFactor',
]);

export const consistentHashingPolicies = [policyPolicy, commonPolicy];

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
