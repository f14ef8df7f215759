import * as jwt from '@lateen/protocol/envoy/extensions/filters/http/jwt_authn/v3';
import type {
  HttpFilterConfig,
  JwksSource,
  JwtAuthn,
  JwtProvider,
  JwtRequirement,
  RouteMatch,
} from '../model/index.ts';
import { decodeDataSource, decodeStringMatch } from './basics.ts';
import { decodeHttpUri } from './ext-authz.ts';
import { decodeCoreRetryPolicy } from './core-retry-policy.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeRouteMatch } from './route-match.ts';
import type { Scope } from './scope.ts';

const filterPolicy = fieldPolicy(jwt.JwtAuthentication, [
  'providers',
  'rules',
  'bypassCorsPreflight',
  'requirementMap',
  'stripFailureResponse',
]);
const providerPolicy = fieldPolicy(jwt.JwtProvider, [
  'issuer',
  'audiences',
  'subjects',
  'requireExpiration',
  'maxLifetime',
  'remoteJwks',
  'localJwks',
  'forward',
  'fromHeaders',
  'fromParams',
  'fromCookies',
  'forwardPayloadHeader',
  'padForwardPayloadHeader',
  'payloadInMetadata',
  'normalizePayloadInMetadata',
  'headerInMetadata',
  'clockSkewSeconds',
  'jwtCacheConfig',
  'claimToHeaders',
  'clearRouteCache',
]);
const remotePolicy = fieldPolicy(jwt.RemoteJwks, ['httpUri', 'cacheDuration', 'asyncFetch', 'retryPolicy']);
const asyncPolicy = fieldPolicy(jwt.JwksAsyncFetch, ['fastListener', 'failedRefetchDuration']);
const requirementPolicy = fieldPolicy(jwt.JwtRequirement, [
  'providerName',
  'providerAndAudiences',
  'requiresAny',
  'requiresAll',
  'allowMissingOrFailed',
  'allowMissing',
]);
const rulePolicy = fieldPolicy(jwt.RequirementRule, ['match', 'requires', 'requirementName']);
const routePolicy = fieldPolicy(jwt.PerRouteConfig, ['disabled', 'requirementName']);

export const jwtAuthnPolicies = [
  filterPolicy,
  providerPolicy,
  remotePolicy,
  asyncPolicy,
  requirementPolicy,
  rulePolicy,
  routePolicy,
];

const defaultCacheMs = 600_000;
const defaultFailedRefetchMs = 1_000;
const defaultRetryBaseMs = 1_000;
const defaultClockSkewSeconds = 60;
/** Envoy's. */
const defaultCacheSize = 100;

/** Who may issue tokens, and which requests need them. */
export function decodeJwtAuthn(scope: Scope, message: jwt.JwtAuthentication): JwtAuthn {
  scope.check(filterPolicy, message);
  const providers = Object.entries(message.providers ?? {}).map(([name, provider]) =>
    decodeProvider(scope.at('providers').entry(name), name, provider),
  );
  const known = new Set(providers.map(({ name }) => name));
  const named = new Map(
    Object.entries(message.requirementMap ?? {}).map(([name, requirement]) => [
      name,
      decodeRequirement(scope.at('requirementMap').entry(name), requirement, known),
    ]),
  );
  const rules = (message.rules ?? []).map((rule, i) => {
    const at = scope.at('rules').at(i);
    at.check(rulePolicy, rule);
    const match = judgedByRules(decodeRouteMatch(at.at('match'), rule.match ?? {}));
    if (rule.requirementName !== undefined) {
      const requires = named.get(rule.requirementName);
      if (requires === undefined)
        at.at('requirementName').fail(`"${rule.requirementName}" is not in requirement_map`);
      return requires === undefined ? { match } : { match, requires };
    }
    if (rule.requires === undefined) return { match };
    return { match, requires: decodeRequirement(at.at('requires'), rule.requires, known) };
  });
  return {
    providers,
    rules,
    named,
    bypassCorsPreflight: message.bypassCorsPreflight ?? false,
    stripFailureResponse: message.stripFailureResponse ?? false,
  };
}

/**
 * What rules look at: path, headers and query. As in Envoy's matcher the rest of a route's match says nothing here, so
 * that no request can do without its token for the lack of it.
 */
function judgedByRules({ path, caseSensitive, headers, queryParameters }: RouteMatch): RouteMatch {
  return { path, caseSensitive, headers, queryParameters, grpc: false, dynamicMetadata: [] };
}

function decodeProvider(scope: Scope, name: string, message: jwt.JwtProvider): JwtProvider {
  scope.check(providerPolicy, message);
  const { subjects, maxLifetime } = message;
  return {
    name,
    issuer: message.issuer ?? '',
    audiences: message.audiences ?? [],
    ...(subjects === undefined ? {} : { subjects: decodeStringMatch(scope.at('subjects'), subjects) }),
    requireExpiration: message.requireExpiration ?? false,
    ...(maxLifetime === undefined ? {} : { maxLifetimeMs: maxLifetime }),
    jwks: decodeKeys(scope, message),
    forward: message.forward ?? false,
    fromHeaders: (message.fromHeaders ?? []).map(({ name: header = '', valuePrefix = '' }) => ({
      name: header.toLowerCase(),
      prefix: valuePrefix,
    })),
    fromParams: message.fromParams ?? [],
    fromCookies: message.fromCookies ?? [],
    payloadHeader: (message.forwardPayloadHeader ?? '').toLowerCase(),
    padPayload: message.padForwardPayloadHeader ?? false,
    payloadMetadata: message.payloadInMetadata ?? '',
    headerMetadata: message.headerInMetadata ?? '',
    spaceDelimitedClaims: message.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [],
    clockSkewMs: (message.clockSkewSeconds || defaultClockSkewSeconds) * 1_000,
    cacheSize: message.jwtCacheConfig?.jwtCacheSize || defaultCacheSize,
    claimToHeaders: (message.claimToHeaders ?? []).map(({ headerName = '', claimName = '' }) => ({
      header: headerName.toLowerCase(),
      claim: claimName,
    })),
    clearRouteCache: message.clearRouteCache ?? false,
  };
}

function decodeKeys(scope: Scope, message: jwt.JwtProvider): JwksSource {
  const remote = message.remoteJwks;
  if (remote === undefined) {
    return { kind: 'local', source: decodeDataSource(scope.at('localJwks'), message.localJwks) };
  }
  const at = scope.at('remoteJwks');
  at.check(remotePolicy, remote);
  const { asyncFetch, retryPolicy: retry } = remote;
  if (asyncFetch !== undefined) at.at('asyncFetch').check(asyncPolicy, asyncFetch);
  // As in Envoy keys are asked for again after every failure, whatever `retry_on` says.
  const retries = retry === undefined ? undefined : decodeCoreRetryPolicy(at.at('retryPolicy'), retry);
  return {
    kind: 'remote',
    ...decodeHttpUri(at.at('httpUri'), remote.httpUri),
    cacheMs: remote.cacheDuration ?? defaultCacheMs,
    ...(asyncFetch === undefined
      ? {}
      : {
          async: {
            failedRefetchMs: asyncFetch.failedRefetchDuration ?? defaultFailedRefetchMs,
            fastListener: asyncFetch.fastListener ?? false,
          },
        }),
    retries: retries?.numRetries ?? 0,
    retryBaseMs: retries?.backoffBaseMs ?? defaultRetryBaseMs,
    retryMaxMs: retries?.backoffMaxMs ?? 10 * defaultRetryBaseMs,
  };
}

function decodeRequirement(
  scope: Scope,
  message: jwt.JwtRequirement,
  known: ReadonlySet<string>,
): JwtRequirement {
  scope.check(requirementPolicy, message);
  const provider = (name: string): string => {
    if (!known.has(name)) scope.fail(`there is no provider "${name}"`);
    return name;
  };
  if (message.providerName !== undefined) {
    return { kind: 'provider', provider: provider(message.providerName) };
  }
  if (message.providerAndAudiences !== undefined) {
    const { providerName = '', audiences = [] } = message.providerAndAudiences;
    return { kind: 'provider', provider: provider(providerName), audiences };
  }
  for (const [field, kind] of [
    ['requiresAny', 'any'],
    ['requiresAll', 'all'],
  ] as const) {
    const list = message[field]?.requirements;
    if (list === undefined) continue;
    const at = scope.at(field).at('requirements');
    return { kind, requirements: list.map((one, i) => decodeRequirement(at.at(i), one, known)) };
  }
  if (message.allowMissingOrFailed !== undefined) return { kind: 'allow_missing_or_failed' };
  if (message.allowMissing === undefined) scope.fail('must have a requirement');
  return { kind: 'allow_missing' };
}

/** What a route requires in place of the filter's rules. */
export function decodeJwtRoute(scope: Scope, message: jwt.PerRouteConfig): HttpFilterConfig {
  scope.check(routePolicy, message);
  if (message.disabled === true) return { kind: 'disabled' };
  return { kind: 'jwt_authn_route', requirement: message.requirementName ?? '' };
}
