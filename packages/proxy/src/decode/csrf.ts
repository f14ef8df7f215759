import * as csrf from '@lateen/protocol/envoy/extensions/filters/http/csrf/v3';
import type { CsrfPolicy } from '../model/index.ts';
import { decodeRuntimeFraction, decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const policyPolicy = fieldPolicy(csrf.CsrfPolicy, ['filterEnabled', 'shadowEnabled', 'additionalOrigins']);

export const csrfPolicies = [policyPolicy];

/** Which requests from other sites are refused; the same for a filter and a route. */
export function decodeCsrf(scope: Scope, message: csrf.CsrfPolicy): CsrfPolicy {
  scope.check(policyPolicy, message);
  const { filterEnabled, shadowEnabled, additionalOrigins = [] } = message;
  if (filterEnabled === undefined) scope.at('filterEnabled').fail('must be set');
  return {
    enabled: decodeRuntimeFraction(scope.at('filterEnabled'), filterEnabled ?? {}),
    ...(shadowEnabled === undefined
      ? {}
      : { shadow: decodeRuntimeFraction(scope.at('shadowEnabled'), shadowEnabled) }),
    additionalOrigins: additionalOrigins.map((one, i) =>
      decodeStringMatch(scope.at('additionalOrigins').at(i), one),
    ),
  };
}
