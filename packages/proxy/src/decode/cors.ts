import type { CorsPolicy as RouteCorsMessage } from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import * as cors from '@lateen/protocol/envoy/extensions/filters/http/cors/v3';
import type { CorsPolicy } from '../model/index.ts';
import { decodeRuntimeFraction, decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const corsFields = [
  'allowOriginStringMatch',
  'allowMethods',
  'allowHeaders',
  'exposeHeaders',
  'maxAge',
  'allowCredentials',
  'filterEnabled',
  'forwardNotMatchingPreflights',
  'allowPrivateNetworkAccess',
] as const;
const corsIgnored = {
  shadowEnabled: 'adds statistics only',
};
export const corsPolicyPolicy = fieldPolicy(cors.CorsPolicy, corsFields, corsIgnored);
const routeCorsPolicy = fieldPolicy(route.CorsPolicy, corsFields, corsIgnored);

export const corsPolicies = [corsPolicyPolicy, routeCorsPolicy];

/** The CORS policy of a route or virtual host in Envoy's older place. */
export function decodeCorsPolicy(scope: Scope, message: RouteCorsMessage): CorsPolicy {
  scope.check(routeCorsPolicy, message);
  return corsOf(scope, message);
}

/** A policy for other origins. */
export function corsOf(scope: Scope, message: cors.CorsPolicy): CorsPolicy {
  return {
    allowOrigins: (message.allowOriginStringMatch ?? []).map((origin, i) =>
      decodeStringMatch(scope.at('allowOriginStringMatch').at(i), origin),
    ),
    allowMethods: message.allowMethods ?? '',
    allowHeaders: message.allowHeaders ?? '',
    exposeHeaders: message.exposeHeaders ?? '',
    maxAge: message.maxAge ?? '',
    allowCredentials: message.allowCredentials ?? false,
    ...(message.filterEnabled === undefined
      ? {}
      : { enabled: decodeRuntimeFraction(scope.at('filterEnabled'), message.filterEnabled) }),
    forwardNotMatchingPreflights: message.forwardNotMatchingPreflights ?? true,
    ...(message.allowPrivateNetworkAccess === true ? { allowPrivateNetwork: true } : {}),
  };
}
