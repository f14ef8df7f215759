import type {
  DirectResponseAction as DirectMessage,
  RedirectAction as RedirectMessage,
  RouteAction as RouteActionMessage,
  RouteAction_HashPolicy,
  RouteAction_RequestMirrorPolicy,
  RouteAction_UpgradeConfig,
  WeightedCluster as WeightedMessage,
  WeightedCluster_ClusterWeight,
} from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import { UriTemplateRewriteConfig } from '@lateen/protocol/envoy/extensions/path/rewrite/uri_template/v3';
import type {
  ClusterChoice,
  DirectResponseAction,
  ForwardAction,
  HashPolicy,
  MirrorPolicy,
  RedirectAction,
  UpgradeRule,
  WeightedCluster,
} from '../model/index.ts';
import { decodeDataSource, decodeMetadata, decodeRegexRewrite, decodeRuntimeFraction } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderOperations } from './headers.ts';
import { decodeCorsPolicy } from './cors.ts';
import { decodeRouteFilterConfig } from './http-filter.ts';
import { decodeInternalRedirect } from './internal-redirect.ts';
import { decodeHedgePolicy, decodeRetryPolicy } from './retry-policy.ts';
import { decodeRouteTimeouts } from './route-timeouts.ts';
import { decodeRateLimits } from './rate-limit-rules.ts';
import type { Scope } from './scope.ts';

const actionPolicy = fieldPolicy(
  route.RouteAction,
  [
    'cluster',
    'clusterHeader',
    'weightedClusters',
    'clusterNotFoundResponseCode',
    'metadataMatch',
    'prefixRewrite',
    'regexRewrite',
    'pathRewritePolicy',
    'hostRewriteLiteral',
    'autoHostRewrite',
    'hostRewriteHeader',
    'hostRewritePathRegex',
    'appendXForwardedHost',
    'timeout',
    'idleTimeout',
    'retryPolicy',
    'requestMirrorPolicies',
    'priority',
    'rateLimits',
    'includeVhRateLimits',
    'hashPolicy',
    'cors',
    'maxGrpcTimeout',
    'grpcTimeoutOffset',
    'upgradeConfigs',
    'internalRedirectPolicy',
    'hedgePolicy',
    'maxStreamDuration',
  ],
  {
    earlyDataPolicy: 'TLS early data is never accepted',
  },
);
const weightedPolicy = fieldPolicy(route.WeightedCluster, ['clusters', 'runtimeKeyPrefix', 'headerName'], {
  totalWeight: 'the sum of the weights is used',
});
const weightPolicy = fieldPolicy(route.WeightedCluster_ClusterWeight, [
  'name',
  'clusterHeader',
  'weight',
  'metadataMatch',
  'requestHeadersToAdd',
  'requestHeadersToRemove',
  'responseHeadersToAdd',
  'responseHeadersToRemove',
  'typedPerFilterConfig',
  'hostRewriteLiteral',
]);
const redirectPolicy = fieldPolicy(route.RedirectAction, [
  'httpsRedirect',
  'schemeRedirect',
  'hostRedirect',
  'portRedirect',
  'pathRedirect',
  'prefixRewrite',
  'regexRewrite',
  'responseCode',
  'stripQuery',
]);
const mirrorPolicy = fieldPolicy(
  route.RouteAction_RequestMirrorPolicy,
  ['cluster', 'clusterHeader', 'runtimeFraction', 'disableShadowHostSuffixAppend'],
  { traceSampled: 'copies carry the trace of their request' },
);
const hashPolicyPolicy = fieldPolicy(route.RouteAction_HashPolicy, [
  'header',
  'cookie',
  'connectionProperties',
  'queryParameter',
  'filterState',
  'terminal',
]);

const upgradePolicy = fieldPolicy(route.RouteAction_UpgradeConfig, [
  'upgradeType',
  'enabled',
  'connectConfig',
]);
const connectPolicy = fieldPolicy(route.RouteAction_UpgradeConfig_ConnectConfig, ['allowPost']);

export const routeActionPolicies = [
  upgradePolicy,
  connectPolicy,
  actionPolicy,
  weightedPolicy,
  weightPolicy,
  redirectPolicy,
  mirrorPolicy,
  hashPolicyPolicy,
];

const notFoundStatuses: Readonly<Record<string, number>> = {
  SERVICE_UNAVAILABLE: 503,
  NOT_FOUND: 404,
  INTERNAL_SERVER_ERROR: 500,
};

/** Forwarding to a cluster. */
export function decodeForward(scope: Scope, message: RouteActionMessage): ForwardAction {
  scope.check(actionPolicy, message);
  const hostRewrite = decodeHostRewrite(scope, message);
  const { prefixRewrite, regexRewrite, pathRewritePolicy } = message;
  if ([prefixRewrite, regexRewrite, pathRewritePolicy].filter((one) => one !== undefined).length > 1) {
    scope.fail('takes one of prefix_rewrite, regex_rewrite and path_rewrite_policy only');
  }
  return {
    kind: 'forward',
    cluster: decodeClusterChoice(scope, message),
    clusterNotFoundStatus: scope
      .at('clusterNotFoundResponseCode')
      .choice(message.clusterNotFoundResponseCode, notFoundStatuses, 503),
    ...(message.prefixRewrite === undefined ? {} : { prefixRewrite: message.prefixRewrite }),
    ...(message.regexRewrite === undefined
      ? {}
      : { regexRewrite: decodeRegexRewrite(scope.at('regexRewrite'), message.regexRewrite) }),
    ...(message.pathRewritePolicy === undefined
      ? {}
      : {
          templateRewrite:
            scope
              .at('pathRewritePolicy')
              .at('typedConfig')
              .unpack(UriTemplateRewriteConfig, message.pathRewritePolicy.typedConfig)?.pathTemplateRewrite ??
            '',
        }),
    ...(hostRewrite === undefined ? {} : { hostRewrite }),
    appendXForwardedHost: message.appendXForwardedHost ?? false,
    ...decodeRouteTimeouts(message),
    ...(message.retryPolicy === undefined
      ? {}
      : { retryPolicy: decodeRetryPolicy(scope.at('retryPolicy'), message.retryPolicy) }),
    ...(message.hedgePolicy === undefined
      ? {}
      : { hedgePolicy: decodeHedgePolicy(scope.at('hedgePolicy'), message.hedgePolicy) }),
    mirrors: decodeMirrors(scope.at('requestMirrorPolicies'), message.requestMirrorPolicies),
    priority: message.priority === 'HIGH' ? 'high' : 'default',
    hashPolicies: (message.hashPolicy ?? []).flatMap(
      (policy, i) => decodeHash(scope.at('hashPolicy').at(i), policy) ?? [],
    ),
    upgrades: (message.upgradeConfigs ?? []).map((upgrade, i) =>
      decodeUpgrade(scope.at('upgradeConfigs').at(i), upgrade),
    ),
    ...(message.metadataMatch === undefined
      ? {}
      : { metadataMatch: decodeMetadata(scope.at('metadataMatch'), message.metadataMatch) }),
    ...(message.cors === undefined ? {} : { cors: decodeCorsPolicy(scope.at('cors'), message.cors) }),
    rateLimits: decodeRateLimits(scope.at('rateLimits'), message.rateLimits),
    includeHostRateLimits: message.includeVhRateLimits ?? false,
    ...(message.internalRedirectPolicy === undefined
      ? {}
      : {
          internalRedirect: decodeInternalRedirect(
            scope.at('internalRedirectPolicy'),
            message.internalRedirectPolicy,
          ),
        }),
  };
}

function decodeUpgrade(scope: Scope, message: RouteAction_UpgradeConfig): UpgradeRule {
  scope.check(upgradePolicy, message);
  const { connectConfig } = message;
  const type = (message.upgradeType ?? '').toLowerCase();
  if (connectConfig === undefined) return { type, enabled: message.enabled ?? true };
  scope.at('connectConfig').check(connectPolicy, connectConfig);
  if (type !== 'connect') scope.at('connectConfig').fail('is only of use with the upgrade type CONNECT');
  return {
    type,
    enabled: message.enabled ?? true,
    terminates: { allowPost: connectConfig.allowPost ?? false },
  };
}

function decodeClusterChoice(scope: Scope, message: RouteActionMessage): ClusterChoice {
  if (message.cluster !== undefined) return { kind: 'cluster', name: message.cluster };
  if (message.clusterHeader !== undefined) {
    return { kind: 'header', header: message.clusterHeader.toLowerCase() };
  }
  if (message.weightedClusters !== undefined) {
    return {
      kind: 'weighted',
      clusters: decodeWeighted(scope.at('weightedClusters'), message.weightedClusters),
      ...(message.weightedClusters.headerName === undefined
        ? {}
        : { drawHeader: message.weightedClusters.headerName.toLowerCase() }),
    };
  }
  scope.fail('must have one of cluster, cluster_header, weighted_clusters');
  return { kind: 'cluster', name: '' };
}

function decodeWeighted(scope: Scope, message: WeightedMessage): readonly WeightedCluster[] {
  scope.check(weightedPolicy, message);
  const clusters = (message.clusters ?? []).map((weight, i) =>
    decodeWeight(scope.at('clusters').at(i), weight, message.runtimeKeyPrefix),
  );
  if (clusters.reduce((sum, c) => sum + c.weight, 0) <= 0) {
    scope.at('clusters').fail('the sum of the weights must be more than 0');
  }
  return clusters;
}

function decodeWeight(
  scope: Scope,
  message: WeightedCluster_ClusterWeight,
  keyPrefix: string | undefined,
): WeightedCluster {
  scope.check(weightPolicy, message);
  const { name, clusterHeader } = message;
  if ((name === undefined) === (clusterHeader === undefined))
    scope.fail('must have one of name, cluster_header');
  return {
    name: name ?? '',
    ...(clusterHeader === undefined ? {} : { header: clusterHeader.toLowerCase() }),
    weight: message.weight ?? 0,
    ...(keyPrefix === undefined || scope.runtime === undefined
      ? {}
      : { runtimeWeight: scope.runtime.cell(`${keyPrefix}.${message.name ?? ''}`) }),
    requestHeaders: decodeHeaderOperations(scope, message, 'request'),
    responseHeaders: decodeHeaderOperations(scope, message, 'response'),
    ...(message.hostRewriteLiteral === undefined ? {} : { hostRewrite: message.hostRewriteLiteral }),
    ...(message.metadataMatch === undefined
      ? {}
      : { metadataMatch: decodeMetadata(scope.at('metadataMatch'), message.metadataMatch) }),
    filterConfig: decodeRouteFilterConfig(scope.at('typedPerFilterConfig'), message.typedPerFilterConfig),
  };
}

function decodeHostRewrite(scope: Scope, message: RouteActionMessage): ForwardAction['hostRewrite'] {
  if (message.hostRewriteLiteral !== undefined) return { kind: 'literal', value: message.hostRewriteLiteral };
  if (message.autoHostRewrite === true) return { kind: 'endpoint' };
  if (message.hostRewriteHeader !== undefined) {
    return { kind: 'header', header: message.hostRewriteHeader.toLowerCase() };
  }
  if (message.hostRewritePathRegex !== undefined) {
    const rewrite = decodeRegexRewrite(scope.at('hostRewritePathRegex'), message.hostRewritePathRegex);
    return { kind: 'path_regex', rewrite };
  }
  return undefined;
}

/** Copies of requests to another cluster. */
export function decodeMirrors(
  scope: Scope,
  list: readonly RouteAction_RequestMirrorPolicy[] | undefined,
): readonly MirrorPolicy[] {
  return (list ?? []).map((message, i) => {
    const at = scope.at(i);
    at.check(mirrorPolicy, message);
    const { cluster, clusterHeader } = message;
    if ((cluster === undefined) === (clusterHeader === undefined))
      at.fail('must have one of cluster, cluster_header');
    return {
      cluster: cluster ?? '',
      ...(clusterHeader === undefined ? {} : { header: clusterHeader.toLowerCase() }),
      ...(message.disableShadowHostSuffixAppend === true ? { keepHost: true } : {}),
      ...(message.runtimeFraction === undefined
        ? {}
        : { fraction: decodeRuntimeFraction(at.at('runtimeFraction'), message.runtimeFraction) }),
    };
  });
}

/** What a request is told from others by; undefined where the policy looks at nothing. */
function decodeHash(scope: Scope, message: RouteAction_HashPolicy): HashPolicy | undefined {
  scope.check(hashPolicyPolicy, message);
  const terminal = message.terminal ?? false;
  const { header, cookie } = message;
  if (header !== undefined) {
    return {
      terminal,
      kind: 'header',
      name: (header.headerName ?? '').toLowerCase(),
      ...(header.regexRewrite === undefined
        ? {}
        : { regexRewrite: decodeRegexRewrite(scope.at('header').at('regexRewrite'), header.regexRewrite) }),
    };
  }
  if (cookie !== undefined) {
    return {
      terminal,
      kind: 'cookie',
      name: cookie.name ?? '',
      path: cookie.path ?? '',
      ...(cookie.ttl === undefined ? {} : { ttlMs: cookie.ttl }),
      attributes: (cookie.attributes ?? []).map(({ name = '', value = '' }) =>
        value === '' ? name : `${name}=${value}`,
      ),
    };
  }
  if (message.queryParameter !== undefined) {
    return { terminal, kind: 'query_parameter', name: message.queryParameter.name ?? '' };
  }
  if (message.filterState !== undefined) {
    return { terminal, kind: 'filter_state', key: message.filterState.key ?? '' };
  }
  const { connectionProperties } = message;
  if (connectionProperties === undefined) {
    scope.fail('must have one of header, cookie, connection_properties, query_parameter, filter_state');
  }
  return connectionProperties?.sourceIp === true ? { terminal, kind: 'source_ip' } : undefined;
}

const redirectStatuses: Readonly<Record<string, number>> = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
};

export function decodeRedirect(scope: Scope, message: RedirectMessage): RedirectAction {
  scope.check(redirectPolicy, message);
  const scheme = message.httpsRedirect === true ? 'https' : message.schemeRedirect;
  const path = decodeRedirectPath(scope, message);
  return {
    kind: 'redirect',
    ...(scheme === undefined ? {} : { scheme }),
    ...(message.hostRedirect === undefined ? {} : { host: message.hostRedirect }),
    ...(message.portRedirect === undefined ? {} : { port: message.portRedirect }),
    ...(path === undefined ? {} : { path }),
    status: scope.at('responseCode').choice(message.responseCode, redirectStatuses, 301),
    stripQuery: message.stripQuery ?? false,
  };
}

function decodeRedirectPath(scope: Scope, message: RedirectMessage): RedirectAction['path'] {
  if (message.pathRedirect !== undefined) return { kind: 'full', value: message.pathRedirect };
  if (message.prefixRewrite !== undefined) return { kind: 'prefix', value: message.prefixRewrite };
  if (message.regexRewrite === undefined) return undefined;
  return { kind: 'regex', rewrite: decodeRegexRewrite(scope.at('regexRewrite'), message.regexRewrite) };
}

export function decodeDirectResponse(scope: Scope, message: DirectMessage): DirectResponseAction {
  const status = message.status ?? 0;
  if (status < 200 || status > 599) scope.at('status').fail(`${status} is not a status from 200 to 599`);
  if (message.body === undefined) return { kind: 'direct_response', status };
  const body = decodeDataSource(scope.at('body'), message.body);
  if (body.kind !== 'inline') {
    scope.at('body').fail('must be inline_string or inline_bytes');
    return { kind: 'direct_response', status };
  }
  return { kind: 'direct_response', status, body: body.bytes };
}
