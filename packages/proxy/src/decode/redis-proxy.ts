import * as redis from '@lateen/protocol/envoy/extensions/filters/network/redis_proxy/v3';
import type {
  DataSource,
  RedisCredentials,
  RedisFault,
  RedisProxy,
  RedisReadPolicy,
  RedisRoute,
} from '../model/index.ts';
import { decodeDataSource, decodeRuntimeFraction } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const filterPolicy = fieldPolicy(redis.RedisProxy, [
  'statPrefix',
  'settings',
  'latencyInMicros',
  'prefixRoutes',
  'downstreamAuthPassword',
  'downstreamAuthPasswords',
  'downstreamAuthUsername',
  'faults',
]);
const defaultMaxUnknownConnections = 100;
const oneWrite = 'what is written in one turn of the event loop leaves together';
const settingsPolicy = fieldPolicy(
  redis.RedisProxy_ConnPoolSettings,
  [
    'opTimeout',
    'enableHashtagging',
    'enableRedirection',
    'enableCommandStats',
    'maxUpstreamUnknownConnections',
    'readPolicy',
  ],
  {
    maxBufferSizeBeforeFlush: oneWrite,
    bufferFlushTimeout: oneWrite,
  },
);
const readPolicies = {
  MASTER: 'primary',
  PREFER_MASTER: 'prefer_primary',
  REPLICA: 'replica',
  PREFER_REPLICA: 'prefer_replica',
  ANY: 'any',
} as const satisfies Readonly<Record<string, RedisReadPolicy>>;
const routesPolicy = fieldPolicy(redis.RedisProxy_PrefixRoutes, [
  'routes',
  'caseInsensitive',
  'catchAllRoute',
]);
const routePolicy = fieldPolicy(redis.RedisProxy_PrefixRoutes_Route, [
  'prefix',
  'removePrefix',
  'cluster',
  'requestMirrorPolicy',
  'readCommandPolicy',
]);
const mirrorPolicy = fieldPolicy(redis.RedisProxy_PrefixRoutes_Route_RequestMirrorPolicy, [
  'cluster',
  'runtimeFraction',
  'excludeReadCommands',
]);
const faultPolicy = fieldPolicy(redis.RedisProxy_RedisFault, [
  'faultType',
  'faultEnabled',
  'delay',
  'commands',
]);
const credentialsPolicy = fieldPolicy(redis.RedisProtocolOptions, ['authPassword', 'authUsername']);

export const redisPolicies = [
  filterPolicy,
  settingsPolicy,
  routesPolicy,
  routePolicy,
  mirrorPolicy,
  faultPolicy,
  credentialsPolicy,
];

/** A Redis proxy. */
export function decodeRedisProxy(scope: Scope, message: redis.RedisProxy): RedisProxy {
  scope.check(filterPolicy, message);
  const settings = message.settings ?? {};
  const at = scope.at('settings');
  at.check(settingsPolicy, settings);
  const routes = message.prefixRoutes ?? {};
  const routesAt = scope.at('prefixRoutes');
  routesAt.check(routesPolicy, routes);
  const prefixes = (routes.routes ?? []).map((route, i) => decodeRoute(routesAt.at('routes').at(i), route));
  const catchAll =
    routes.catchAllRoute === undefined
      ? undefined
      : { ...decodeRoute(routesAt.at('catchAllRoute'), routes.catchAllRoute), prefix: '' };
  if (prefixes.length === 0 && catchAll === undefined) routesAt.fail('must have a route');
  const seen = new Set<string>();
  for (const [i, { prefix }] of prefixes.entries()) {
    const folded = routes.caseInsensitive === true ? prefix.toLowerCase() : prefix;
    if (seen.has(folded)) routesAt.at('routes').at(i).at('prefix').fail(`"${prefix}" is there twice`);
    seen.add(folded);
  }
  return {
    kind: 'redis_proxy',
    statPrefix: message.statPrefix ?? '',
    opTimeoutMs: settings.opTimeout ?? 0,
    hashTags: settings.enableHashtagging ?? false,
    readPolicy: at.at('readPolicy').choice(settings.readPolicy, readPolicies, 'primary'),
    followsRedirections: settings.enableRedirection ?? false,
    maxUnknownConnections: settings.maxUpstreamUnknownConnections ?? defaultMaxUnknownConnections,
    countsUpstreamCommands: settings.enableCommandStats ?? false,
    latencyInMicros: message.latencyInMicros ?? false,
    routes: prefixes,
    ...(catchAll === undefined ? {} : { catchAll }),
    ignoreCase: routes.caseInsensitive ?? false,
    passwords: decodePasswords(scope, message),
    ...(message.downstreamAuthUsername === undefined
      ? {}
      : { username: decodeDataSource(scope.at('downstreamAuthUsername'), message.downstreamAuthUsername) }),
    faults: (message.faults ?? []).map((fault, i) => decodeFault(scope.at('faults').at(i), fault)),
  };
}

/** One password by the older field, or several. */
function decodePasswords(scope: Scope, message: redis.RedisProxy): DataSource[] {
  const one = message.downstreamAuthPassword;
  const several = (message.downstreamAuthPasswords ?? []).map((source, i) =>
    decodeDataSource(scope.at('downstreamAuthPasswords').at(i), source),
  );
  if (several.length > 0 || one === undefined) return several;
  return [decodeDataSource(scope.at('downstreamAuthPassword'), one)];
}

function decodeRoute(scope: Scope, message: redis.RedisProxy_PrefixRoutes_Route): RedisRoute {
  scope.check(routePolicy, message);
  return {
    prefix: message.prefix ?? '',
    removePrefix: message.removePrefix ?? false,
    cluster: message.cluster ?? '',
    ...(message.readCommandPolicy === undefined
      ? {}
      : { readCluster: message.readCommandPolicy.cluster ?? '' }),
    mirrors: (message.requestMirrorPolicy ?? []).map((mirror, i) => {
      const at = scope.at('requestMirrorPolicy').at(i);
      at.check(mirrorPolicy, mirror);
      return {
        cluster: mirror.cluster ?? '',
        ...(mirror.runtimeFraction === undefined
          ? {}
          : { fraction: decodeRuntimeFraction(at.at('runtimeFraction'), mirror.runtimeFraction) }),
        excludeReads: mirror.excludeReadCommands ?? false,
      };
    }),
  };
}

function decodeFault(scope: Scope, message: redis.RedisProxy_RedisFault): RedisFault {
  scope.check(faultPolicy, message);
  const kinds = { DELAY: 'delay', ERROR: 'error' } as const;
  const kind = scope.at('faultType').choice<RedisFault['kind']>(message.faultType, kinds, 'delay');
  if (kind === 'delay' && (message.delay ?? 0) <= 0) scope.at('delay').fail('must be more than 0s');
  return {
    kind,
    fraction:
      message.faultEnabled === undefined
        ? { numerator: 0, denominator: 100 }
        : decodeRuntimeFraction(scope.at('faultEnabled'), message.faultEnabled),
    delayMs: message.delay ?? 0,
    commands: (message.commands ?? []).map((command) => command.toLowerCase()),
  };
}

/** What a cluster's endpoints are told first; the options of `envoy.filters.network.redis_proxy` of a cluster. */
export function decodeRedisCredentials(scope: Scope, message: redis.RedisProtocolOptions): RedisCredentials {
  scope.check(credentialsPolicy, message);
  const { authPassword, authUsername } = message;
  return {
    ...(authPassword === undefined
      ? {}
      : { password: decodeDataSource(scope.at('authPassword'), authPassword) }),
    ...(authUsername === undefined
      ? {}
      : { username: decodeDataSource(scope.at('authUsername'), authUsername) }),
  };
}
