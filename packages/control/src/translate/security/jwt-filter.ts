import type { JwtRule } from '@lateen/config';
import { packAny } from '@lateen/protocol';
import {
  JwtAuthentication,
  type JwtProvider,
  type JwtRequirement,
} from '@lateen/protocol/envoy/extensions/filters/http/jwt_authn/v3';
import type { HttpFilter } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import type { View } from '../../engine/query.ts';
import { compareText } from '../../model/config-object.ts';
import { keySetUri } from '../../model/key-set.ts';
import { keySets, requestAuthentications } from '../../model/tables.ts';
import { payloadKey } from './claim-match.ts';

/** A key that nobody can sign with: tokens are refused until the keys of their issuer have been fetched. */
const nobodysKeys = JSON.stringify({
  keys: [
    {
      kty: 'RSA',
      e: 'AQAB',
      kid: 'keys-could-not-be-fetched',
      n: 'tUoH3Gui5eJhOZiWVQaVqDzEN2hB07rNaaWhm3znbCTVg1IxWLdr7ModAelFqJ2Q9zgqMI0-u9TDtDDMkNCu9pxBmgGzKDASKojGunuJb93pnvFbM7JmQlZ30WLJ5iIJesaBRpiFS9HixIWMHSQMoSxADpALc9866g77DAKgljQe_t27Cd_lIcwS-21JVYMWLscTy8cQy7BP86oXg8m830Hq-3DiB_QK6fo4vLzIVgBRJohmIQMcjJqGmAuiR2XrBpnUG9IsAyJrQ8bIMTwaUzBwnqqZW1g2IKu7-Kl1wx04g2xKfKOF7l0fJ1av7Hl3RRtG9LbFfaCaTqbzRP1ucw',
    },
  ],
});

function keysOf(view: View, rule: JwtRule): string {
  const uri = keySetUri(rule);
  if (uri === undefined) return rule.jwks ?? nobodysKeys;
  return view.row(keySets, uri)?.jwks ?? nobodysKeys;
}

function provider(view: View, rule: JwtRule, routesByClaims: boolean): JwtProvider {
  const { fromHeaders = [], fromParams = [], fromCookies = [], outputClaimToHeaders = [] } = rule;
  return {
    issuer: rule.issuer,
    ...(rule.audiences === undefined ? {} : { audiences: rule.audiences }),
    localJwks: { inlineString: keysOf(view, rule) },
    ...(rule.forwardOriginalToken === true ? { forward: true } : {}),
    ...(fromHeaders.length === 0
      ? {}
      : {
          fromHeaders: fromHeaders.map(({ name, prefix }) => ({
            name,
            ...(prefix === undefined ? {} : { valuePrefix: prefix }),
          })),
        }),
    ...(fromParams.length === 0 ? {} : { fromParams }),
    ...(fromCookies.length === 0 ? {} : { fromCookies }),
    ...(rule.outputPayloadToHeader ? { forwardPayloadHeader: rule.outputPayloadToHeader } : {}),
    ...(outputClaimToHeaders.length === 0
      ? {}
      : {
          claimToHeaders: outputClaimToHeaders.map(({ header, claim }) => ({
            headerName: header,
            claimName: claim,
          })),
        }),
    payloadInMetadata: payloadKey,
    ...(routesByClaims ? { clearRouteCache: true } : {}),
    normalizePayloadInMetadata: { spaceDelimitedClaims: ['scope', 'permission'] },
  };
}

/** One of the providers, or no token at all; of several, none may have been given a bad one. */
function requirement(names: readonly string[]): JwtRequirement {
  const optional = (name: string): JwtRequirement => ({
    requiresAny: { requirements: [{ providerName: name }, { allowMissing: {} }] },
  });
  const [only, ...more] = names;
  if (only !== undefined && more.length === 0) return optional(only);
  return {
    requiresAny: {
      requirements: [
        ...names.map((providerName) => ({ providerName })),
        { requiresAll: { requirements: names.map(optional) } },
      ],
    },
  };
}

/**
 * The filter that verifies tokens as these RequestAuthentications say; undefined where they say nothing.
 *
 * A request without a token passes: an AuthorizationPolicy is what asks for one. `routesByClaims`: the route is
 * looked up again once a token is known to be good, since it may ask for its claims.
 */
export function jwtFilter(
  view: View,
  policies: readonly string[],
  routesByClaims: boolean,
): HttpFilter | undefined {
  const rules = policies
    .flatMap((key) => view.row(requestAuthentications, key)?.spec.jwtRules ?? [])
    // However the policies were named, their providers are the same (Istio sorts by issuer).
    .sort((a, b) => compareText(a.issuer, b.issuer));
  if (rules.length === 0) return undefined;
  const providers = Object.fromEntries(
    rules.map((rule, i) => [`origins-${i}`, provider(view, rule, routesByClaims)]),
  );
  const config: JwtAuthentication = {
    providers,
    rules: [{ match: { prefix: '/' }, requires: requirement(Object.keys(providers)) }],
    bypassCorsPreflight: true,
  };
  return { name: 'envoy.filters.http.jwt_authn', typedConfig: packAny(JwtAuthentication, config) };
}
