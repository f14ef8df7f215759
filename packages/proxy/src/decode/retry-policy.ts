import type {
  HedgePolicy as HedgeMessage,
  RetryPolicy as RetryMessage,
  RetryPolicy_RetryPriority,
} from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import type { HedgePolicy, RetryPolicy } from '../model/index.ts';
import { PreviousPrioritiesConfig } from '@lateen/protocol/envoy/extensions/retry/priority/previous_priorities/v3';
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

const previousPrioritiesPolicy = fieldPolicy(PreviousPrioritiesConfig, ['updateFrequency']);

export const retryPolicies = [retryPolicyPolicy, hedgePolicyPolicy, previousPrioritiesPolicy];

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
  const updateFrequency =
    priority === undefined ? undefined : decodeRetryPriority(scope.at('retryPriority'), priority);
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
    ...(updateFrequency === undefined ? {} : { previousPrioritiesUpdateFrequency: updateFrequency }),
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

/** After how many attempts the priorities that failed are left out. */
function decodeRetryPriority(scope: Scope, message: RetryPolicy_RetryPriority): number | undefined {
  if (message.name !== 'envoy.retry_priorities.previous_priorities') {
    scope.fail(`"${message.name}" is not supported: use envoy.retry_priorities.previous_priorities`);
    return undefined;
  }
  const at = scope.at('typedConfig');
  const config = at.unpack(PreviousPrioritiesConfig, message.typedConfig);
  const updateFrequency = config?.updateFrequency ?? 0;
  if (updateFrequency < 1) at.at('updateFrequency').fail('must be at least 1');
  return updateFrequency;
}
