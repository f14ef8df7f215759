import { durationMs, type HttpRetry } from '@lateen/config';
import { packAny } from '@lateen/protocol';
import type { RetryPolicy } from '@lateen/protocol/envoy/config/route/v3';
import { PreviousHostsPredicate } from '@lateen/protocol/envoy/extensions/retry/host/previous_hosts/v3';
import { PreviousPrioritiesConfig } from '@lateen/protocol/envoy/extensions/retry/priority/previous_priorities/v3';

/** What is tried again where nobody said: failures before the application can have seen the request. */
const defaultConditions = 'connect-failure,refused-stream,unavailable,cancelled';

/** Names of conditions; anything that is a number is a status code. */
function conditionsOf(retryOn: string): Pick<RetryPolicy, 'retryOn' | 'retriableStatusCodes'> {
  const names: string[] = [];
  const codes: number[] = [];
  for (const part of retryOn.split(',').map((text) => text.trim())) {
    if (/^\d{3}$/.test(part)) codes.push(Number(part));
    else if (part !== '') names.push(part);
  }
  if (codes.length > 0 && !names.includes('retriable-status-codes')) names.push('retriable-status-codes');
  return { retryOn: names.join(','), ...(codes.length === 0 ? {} : { retriableStatusCodes: codes }) };
}

/** The retries of a route; two by default, none where the rule says 0 attempts (Istio, "HTTPRetry"). */
export function retryPolicy(retries: HttpRetry | undefined): RetryPolicy | undefined {
  if (retries?.attempts === 0) return undefined;
  const perTryTimeout = durationMs(retries?.perTryTimeout, 0);
  const baseInterval = durationMs(retries?.backoff, undefined);
  const avoidPrevious = retries?.retryIgnorePreviousHosts ?? true;
  return {
    ...conditionsOf(retries?.retryOn ?? defaultConditions),
    numRetries: retries?.attempts ?? 2,
    ...(perTryTimeout > 0 ? { perTryTimeout } : {}),
    ...(avoidPrevious
      ? {
          retryHostPredicate: [
            {
              name: 'envoy.retry_host_predicates.previous_hosts',
              typedConfig: packAny(PreviousHostsPredicate, {}),
            },
          ],
          hostSelectionRetryMaxAttempts: 5,
        }
      : {}),
    ...(retries?.retryRemoteLocalities === true
      ? {
          retryPriority: {
            name: 'envoy.retry_priorities.previous_priorities',
            // Localities that were tried are left out from the second retry on, as in Istio.
            typedConfig: packAny(PreviousPrioritiesConfig, { updateFrequency: 2 }),
          },
        }
      : {}),
    ...(baseInterval === undefined ? {} : { retryBackOff: { baseInterval } }),
  };
}
