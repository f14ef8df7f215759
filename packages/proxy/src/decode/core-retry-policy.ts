import type { RetryPolicy as RetryMessage } from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type { RetryPolicy } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const policy = fieldPolicy(core.RetryPolicy, ['numRetries', 'retryBackOff', 'retryOn'], {
  retryPriority: 'the balancer chooses for each try',
  retryHostPredicate: 'the balancer chooses for each try',
  hostSelectionRetryMaxAttempts: 'the balancer chooses for each try',
});

export const coreRetryPolicies = [policy];

/** Envoy's for policies of this kind. */
const defaultBackoffBaseMs = 1_000;

/** A shorter policy than that of routes, for what the proxy asks itself. As in Envoy the longest back-off is the time of one try. */
export function decodeCoreRetryPolicy(scope: Scope, message: RetryMessage): RetryPolicy {
  scope.check(policy, message);
  const { retryBackOff, retryOn = '', numRetries = 1 } = message;
  const backoffBaseMs = retryBackOff?.baseInterval ?? defaultBackoffBaseMs;
  const backoffMaxMs = retryBackOff?.maxInterval ?? backoffBaseMs * 10;
  const at = scope.at('retryBackOff');
  if (backoffBaseMs < 1) at.at('baseInterval').fail('must be at least 1ms');
  if (backoffMaxMs < backoffBaseMs) at.at('maxInterval').fail('must not be less than base_interval');
  return {
    retryOn: retryOn
      .split(',')
      .map((condition) => condition.trim())
      .filter((condition) => condition !== ''),
    retriableStatusCodes: [],
    retriableHeaders: [],
    numRetries,
    perTryTimeoutMs: backoffMaxMs,
    backoffBaseMs,
    backoffMaxMs,
    avoidPreviousHosts: false,
    hostSelectionMaxAttempts: 1,
    retriableRequestHeaders: [],
    rateLimitedResetHeaders: [],
  };
}
