import type {
  HedgePolicy as HedgeMessage,
  RetryPolicy as RetryMessage,
  RetryPolicy_RetryHostPredicate,
  RetryPolicy_RetryPriority,
} from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import type { HedgePolicy, Metadata, RetryPolicy } from '../model/index.ts';
import { OmitCanaryHostsPredicate } from '@lateen/protocol/envoy/extensions/retry/host/omit_canary_hosts/v3';
import { OmitHostMetadataConfig } from '@lateen/protocol/envoy/extensions/retry/host/omit_host_metadata/v3';
import { PreviousHostsPredicate } from '@lateen/protocol/envoy/extensions/retry/host/previous_hosts/v3';
import { PreviousPrioritiesConfig } from '@lateen/protocol/envoy/extensions/retry/priority/previous_priorities/v3';
import { decodeMetadata } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';

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
const oneAtFirst = 'a request starts with one try, as in Envoy, which implements neither';
const hedgePolicyPolicy = fieldPolicy(route.HedgePolicy, ['hedgeOnPerTryTimeout'], {
  initialRequests: oneAtFirst,
  additionalRequestChance: oneAtFirst,
});
const omitHostPolicy = fieldPolicy(OmitHostMetadataConfig, ['metadataMatch']);

const previousPrioritiesPolicy = fieldPolicy(PreviousPrioritiesConfig, ['updateFrequency']);

export const retryPolicies = [retryPolicyPolicy, hedgePolicyPolicy, omitHostPolicy, previousPrioritiesPolicy];

/** When and how a failed try is followed by another. */
export function decodeRetryPolicy(scope: Scope, message: RetryMessage): RetryPolicy {
  scope.check(retryPolicyPolicy, message);
  const predicates = decodeHostPredicates(scope.at('retryHostPredicate'), message.retryHostPredicate ?? []);
  const priority = message.retryPriority;
  const updateFrequency =
    priority === undefined ? undefined : decodeRetryPriority(scope.at('retryPriority'), priority);
  const backoffBaseMs = message.retryBackOff?.baseInterval ?? 25;
  const backoffMaxMs = message.retryBackOff?.maxInterval ?? backoffBaseMs * 10;
  if (backoffBaseMs < 1) scope.at('retryBackOff').at('baseInterval').fail('must be at least 1ms');
  if (backoffMaxMs < backoffBaseMs)
    scope.at('retryBackOff').at('maxInterval').fail('must not be less than base_interval');
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
    backoffMaxMs,
    ...predicates,
    hostSelectionMaxAttempts: message.hostSelectionRetryMaxAttempts ?? 1,
    ...(updateFrequency === undefined ? {} : { previousPrioritiesUpdateFrequency: updateFrequency }),
    retriableRequestHeaders: (message.retriableRequestHeaders ?? []).map((header, i) =>
      decodeHeaderMatch(scope.at('retriableRequestHeaders').at(i), header),
    ),
    rateLimitedResetHeaders: (message.rateLimitedRetryBackOff?.resetHeaders ?? []).map((header) => ({
      name: (header.name ?? '').toLowerCase(),
      format: header.format === 'UNIX_TIMESTAMP' ? 'unix' : 'seconds',
    })),
    ...(message.rateLimitedRetryBackOff?.maxInterval === undefined
      ? {}
      : { rateLimitedMaxMs: message.rateLimitedRetryBackOff.maxInterval }),
  };
}

/** Which hosts further tries leave out. */
function decodeHostPredicates(
  scope: Scope,
  list: readonly RetryPolicy_RetryHostPredicate[],
): Pick<RetryPolicy, 'avoidPreviousHosts' | 'omitCanaryHosts' | 'omitHostsWith'> {
  const omitHostsWith: Metadata[] = [];
  let avoidPreviousHosts = false;
  let omitCanaryHosts = false;
  for (const [i, { name = '', typedConfig }] of list.entries()) {
    const at = scope.at(i).at('typedConfig');
    const type = typeNameOf(typedConfig);
    switch (type) {
      case PreviousHostsPredicate.typeName:
        avoidPreviousHosts = true;
        break;
      case OmitCanaryHostsPredicate.typeName:
        omitCanaryHosts = true;
        break;
      case OmitHostMetadataConfig.typeName: {
        const match = at.unpack(OmitHostMetadataConfig, typedConfig)?.metadataMatch;
        if (match !== undefined) omitHostsWith.push(decodeMetadata(at.at('metadataMatch'), match));
        break;
      }
      default:
        scope.at(i).fail(`"${name}" (${type === '' ? 'no configuration' : type}) is not supported`);
    }
  }
  return {
    avoidPreviousHosts,
    ...(omitCanaryHosts ? { omitCanaryHosts } : {}),
    ...(omitHostsWith.length === 0 ? {} : { omitHostsWith }),
  };
}

export function decodeHedgePolicy(scope: Scope, message: HedgeMessage): HedgePolicy {
  scope.check(hedgePolicyPolicy, message);
  return {
    hedgeOnPerTryTimeout: message.hedgeOnPerTryTimeout ?? false,
  };
}

/** After how many attempts the priorities that failed are left out. */
function decodeRetryPriority(scope: Scope, message: RetryPolicy_RetryPriority): number | undefined {
  const at = scope.at('typedConfig');
  const config = at.unpack(PreviousPrioritiesConfig, message.typedConfig);
  const updateFrequency = config?.updateFrequency ?? 0;
  if (updateFrequency < 1) at.at('updateFrequency').fail('must be at least 1');
  return updateFrequency;
}
