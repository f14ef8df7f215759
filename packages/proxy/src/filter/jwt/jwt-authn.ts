import type { Problem } from '@lateen/core';
import { headerName, names } from '../../codec/header-name.ts';
import { compileRouteMatch } from '../../decide/route-match.ts';
import type { JwtAuthn, JwtProvider } from '../../model/jwt-authn.ts';
import { CounterGroup } from '../../telemetry/counter-group.ts';
import { readDataSource } from '../../tls/data-source.ts';
import type { FilterServices } from '../filter-services.ts';
import type { CompiledHttpFilter, FilterExchange } from '../http-filter.ts';
import { FollowedKeys } from './followed-keys.ts';
import { jwtFailure, type JwtFailure } from './jwt-failure.ts';
import { KeySet } from './key-set.ts';
import { Provider, type KeySource } from './provider.ts';
import { RemoteKeys, type KeyOffer } from './remote-keys.ts';
import { compileRequirement, type CompiledRequirement } from './requirement.ts';

const counters = [
  'allowed',
  'denied',
  'cors_preflight_bypassed',
  'jwks_fetch_success',
  'jwks_fetch_failed',
  'jwt_cache_hit',
  'jwt_cache_miss',
] as const;

const requestMethod = headerName('access-control-request-method');
const maxRealmLength = 256;

function isPreflight({ head }: FilterExchange): boolean {
  return head.method === 'OPTIONS' && head.headers.has(names.origin) && head.headers.has(requestMethod);
}

/** What clients are told of the way to authenticate themselves (RFC 6750 section 3). */
function challenge({ head }: FilterExchange, failure: JwtFailure): string {
  const url = `${head.scheme}://${head.authority}${head.path}`.slice(0, maxRealmLength);
  const realm = `Bearer realm="${url.replace(/["\\]/g, '')}"`;
  return failure === jwtFailure.missing ? realm : `${realm}, error="invalid_token"`;
}

/** Verifies that requests have the tokens that they need (Envoy, JWT authentication filter). Throws where a regular expression is none. */
export function jwtAuthnFilter(
  name: string,
  config: JwtAuthn,
  httpStatPrefix: string,
  services: FilterServices,
  path: string,
  bad: Problem[],
): CompiledHttpFilter {
  const prefix = `http.${httpStatPrefix}.jwt_authn.`;
  const labels = { http_conn_manager_prefix: httpStatPrefix };
  const { n } = services.statGroup(
    prefix,
    () => new CounterGroup(prefix, 'envoy_http_jwt_authn_', labels, counters),
  );

  const fetchCounts = {
    onFetched: () => void n.jwks_fetch_success++,
    onFailed: () => void n.jwks_fetch_failed++,
  };

  function keysOf({ jwks, name: provider }: JwtProvider): KeySource {
    if (jwks.kind === 'remote') {
      const { clock, calls, fetches } = services;
      const fetchedHere = (offer?: KeyOffer): RemoteKeys =>
        new RemoteKeys(jwks, services.clusterRef(jwks.cluster), calls, clock, fetchCounts, offer);
      const name = `jwks ${prefix} ${JSON.stringify(jwks)}`;
      const keys =
        fetches?.leads === false
          ? new FollowedKeys(name, jwks, fetches, clock, fetchedHere)
          : fetchedHere(fetches && { fetches, name });
      services.upkeep.add(keys);
      return keys;
    }
    const at = `${path}.providers.${provider}.local_jwks`;
    const bytes = readDataSource(jwks.source, at);
    const keys = bytes.ok ? KeySet.parse(bytes.value.toString('utf8')) : undefined;
    if (!bytes.ok) bad.push(...bytes.problems);
    else if (keys === undefined)
      bad.push({ path: at, message: 'is no JSON Web Key Set with a key that can be used' });
    return {
      get(run) {
        run(keys);
        return () => {};
      },
    };
  }

  const counts = {
    onHit: () => void n.jwt_cache_hit++,
    onMiss: () => void n.jwt_cache_miss++,
  };
  const providers = new Map<string, Provider>();
  for (const model of config.providers) {
    providers.set(model.name, new Provider(model, keysOf(model), () => services.clock.now(), counts));
  }
  const rules = config.rules.map(({ match, requires }) => ({
    matches: compileRouteMatch(match),
    requirement: requires === undefined ? undefined : compileRequirement(requires, providers),
  }));
  const named = new Map(
    [...config.named].map(([key, requirement]) => [key, compileRequirement(requirement, providers)]),
  );

  function byRule(exchange: FilterExchange): CompiledRequirement | undefined {
    const { head } = exchange;
    const at = head.path.indexOf('?');
    const pathOnly = at < 0 ? head.path : head.path.slice(0, at);
    return rules.find(({ matches }) => matches(exchange, pathOnly))?.requirement;
  }

  function onVerified(exchange: FilterExchange, failure: JwtFailure | undefined): void {
    if (failure === undefined) {
      n.allowed++;
      exchange.continueRequest();
      return;
    }
    n.denied++;
    const status = failure === jwtFailure.audience ? 403 : 401;
    const strips = config.stripFailureResponse;
    const details = `jwt_authn_access_denied{${failure.replaceAll(' ', '_')}}`;
    exchange.reply(status, strips ? '' : failure, details, {
      headers: strips || status === 403 ? [] : [['www-authenticate', challenge(exchange, failure)]],
    });
  }

  return {
    name,
    onRequest(exchange) {
      if (config.bypassCorsPreflight && isPreflight(exchange)) {
        n.cors_preflight_bypassed++;
        return 'continue';
      }
      const route = exchange.routeConfig(name);
      let requirement: CompiledRequirement | undefined;
      if (route?.kind === 'jwt_authn_route') {
        requirement = named.get(route.requirement);
        if (requirement === undefined) {
          n.denied++;
          const body = `Failed JWT authentication: Wrong requirement_name: ${route.requirement}`;
          exchange.reply(403, body, 'jwt_authn_access_denied');
          return 'stop';
        }
      } else {
        requirement = byRule(exchange);
      }
      // Nobody but a verified token speaks in these headers.
      for (const provider of providers.values()) provider.sanitize(exchange.head);
      if (requirement === undefined) {
        n.allowed++;
        return 'continue';
      }
      const stop = requirement(exchange, (failure) => onVerified(exchange, failure));
      exchange.atEnd(stop);
      return 'stop';
    },
  };
}
