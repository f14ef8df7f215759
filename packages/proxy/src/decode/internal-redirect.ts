import type { InternalRedirectPolicy as Message } from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import { AllowListedRoutesConfig } from '@lateen/protocol/envoy/extensions/internal_redirect/allow_listed_routes/v3';
import { PreviousRoutesConfig } from '@lateen/protocol/envoy/extensions/internal_redirect/previous_routes/v3';
import { SafeCrossSchemeConfig } from '@lateen/protocol/envoy/extensions/internal_redirect/safe_cross_scheme/v3';
import type { InternalRedirectPolicy } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { typeNameOf } from './typed-any.ts';
import type { Scope } from './scope.ts';

const redirectPolicy = fieldPolicy(route.InternalRedirectPolicy, [
  'maxInternalRedirects',
  'redirectResponseCodes',
  'predicates',
  'allowCrossSchemeRedirect',
  'responseHeadersToCopy',
]);
const allowListPolicy = fieldPolicy(AllowListedRoutesConfig, ['allowedRouteNames']);

export const internalRedirectPolicies = [redirectPolicy, allowListPolicy];

const redirects = [301, 302, 303, 307, 308];

/** Which redirects of endpoints are followed by the proxy itself. */
export function decodeInternalRedirect(scope: Scope, message: Message): InternalRedirectPolicy {
  scope.check(redirectPolicy, message);
  let allowedRoutes: readonly string[] | undefined;
  let safe = false;
  let avoidPreviousRoutes = false;
  (message.predicates ?? []).forEach(({ name, typedConfig }, i) => {
    const at = scope.at('predicates').at(i);
    switch (typeNameOf(typedConfig)) {
      case AllowListedRoutesConfig.typeName:
        allowedRoutes =
          at.at('typedConfig').unpack(AllowListedRoutesConfig, typedConfig)?.allowedRouteNames ?? [];
        return;
      case PreviousRoutesConfig.typeName:
        avoidPreviousRoutes = true;
        return;
      case SafeCrossSchemeConfig.typeName:
        safe = true;
        return;
      default:
        at.fail(`predicate "${name}" is not supported`);
    }
  });
  const statuses = (message.redirectResponseCodes ?? []).filter((status) => redirects.includes(status));
  return {
    maxRedirects: message.maxInternalRedirects ?? 1,
    statuses: statuses.length === 0 ? [302] : statuses,
    crossScheme: message.allowCrossSchemeRedirect !== true ? 'never' : safe ? 'safe' : 'always',
    ...(allowedRoutes === undefined ? {} : { allowedRoutes }),
    avoidPreviousRoutes,
    copiedHeaders: (message.responseHeadersToCopy ?? []).map((name) => name.toLowerCase()),
  };
}
