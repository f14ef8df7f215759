import type {
  HedgePolicy as HedgeMessage,
  RetryPolicy as RetryMessage,
} from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import type { HedgePolicy, RetryPolicy } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import type { Scope } from './scope.ts';

const retryPolicyPolicy = fieldPolicy(route.RetryPolicy, [
  'retryOn',
  'numRetries',
  'perTryTimeout',
  'perTryIdleTimeout',
  'retryPriority',
  'retryHostPredicate',
  'hostSelectionRetryMaxAttempts',
  'retriableStatusCodes',
  'retryBackOff',
  'rateLimitedRetryBackOff',
  'retriableHeaders',
  'retriableRequestHeaders',
]);
const hedgePolicyPolicy = fieldPolicy(route.HedgePolicy, ['initialRequests', 'hedgeOnPerTryTimeout'], {
  additionalRequestChance: 'the number of requests at the start is fixed',
});

export const retryPolicies = [retryPolicyPolicy, hedgePolicyPolicy];

const previousHosts = [
  'envoy.retry_host_predicates.previous_hosts',
  'envoy.retry_host_predicates.omit_canary_hosts',
];

/** When and how a failed try is followed by another. */
export function decodeRetryPolicy(scope: Scope, message: RetryMessage): RetryPolicy {
  scope.check(retryPolicyPolicy, message);
  for (const [i, predicate] of (message.retryHostPredicate ?? []).entries()) {
    if (previousHosts.includes(predicate.name ?? '')) continue;
    scope
      .at('retryHostPredicate')
      .at(i)
      .fail(`"${predicate.name}" is not supported: use ${previousHosts[0]}`);
  }
  const priority = message.retryPriority;
  if (priority !== undefined && priority.name !== 'envoy.retry_priorities.previous_priorities') {
    scope.at('retryPriority').fail(`"${priority.name}" is not supported: use previous_priorities`);
  }
  const backoffBaseMs = message.retryBackOff?.baseInterval ?? 25;
  if (backoffBaseMs < 1) scope.at('retryBackOff').at('baseInterval').fail('must be at least 1ms');
  return {
    retryOn: (message.retryOn ?? '')
      .split(',')
      .map((condition) => condition.trim())
      .filter((condition) => condition !== ''),
    retriableStatusCodes: message.retriableStatusCodes ?? [],
    retriableHeaders: (message.retriableHeaders ?? []).map((header, i) =>
      decodeHeaderMatch(scope.at('retriableHeaders').at(i), header),
    ),
    numRetries: message.numRetries ?? 1,
    ...(message.perTryTimeout === undefined ? {} : { perTryTimeoutMs: message.perTryTimeout }),
    ...(message.perTryIdleTimeout === undefined ? {} : { perTryIdleTimeoutMs: message.perTryIdleTimeout }),
    backoffBaseMs,
    backoffMaxMs: message.retryBackOff?.maxInterval ?? backoffBaseMs * 10,
    avoidPreviousHosts: (message.retryHostPredicate ?? []).some((p) => p.name === previousHosts[0]),
    hostSelectionMaxAttempts: message.hostSelectionRetryMaxAttempts ?? 1,
    ...(priority === undefined ? {} : { previousPrioritiesUpdateFrequency: 2 }),
    retriableRequestHeaders: (message.retriableRequestHeaders ?? []).map((header, i) =>
      decodeHeaderMatch(scope.at('retriableRequestHeaders').at(i), header),
    ),
    rateLimitedResetHeaders: (message.rateLimitedRetryBackOff?.resetHeaders ?? []).map((header) => ({
      name: (header.name ?? '').toLowerCase(),
      format: header.format === 'UNIX_TIMESTAMP' ? 'unix' : 'seconds',
    })),
  };
}

export function decodeHedgePolicy(scope: Scope, message: HedgeMessage): HedgePolicy {
  scope.check(hedgePolicyPolicy, message);
  return {
    initialRequests: message.initialRequests ?? 1,
    hedgeOnPerTryTimeout: message.hedgeOnPerTryTimeout ?? false,
  };
}
