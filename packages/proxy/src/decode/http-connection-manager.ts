import type { HttpConnectionManager as HcmMessage } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import { HeaderMutation as EarlyHeaderMutation } from '@lateen/protocol/envoy/extensions/http/early_header_mutation/header_mutation/v3';
import * as hcm from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import {
  defaultHttpConnectionManager,
  type ForwardClientCert,
  type HttpConnectionManager,
  type PathNormalization,
} from '../model/index.ts';
import { decodeAccessLogs } from './access-log.ts';
import { decodeClientAddress } from './client-address.ts';
import { decodeRoutes } from './connection-routes.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMutations } from './header-mutation.ts';
import { decodeHttpFilter, type FilterContext } from './http-filter.ts';
import { typeNameOf } from './typed-any.ts';
import { decodeLocalReply } from './local-reply.ts';
import type { Scope } from './scope.ts';
import { decodeRequestId, decodeTracing } from './tracing.ts';
import { commonHttpPolicy, decodeHeaderCase, decodeHttp2, http1Policy } from './upstream-http.ts';

const hcmPolicy = fieldPolicy(
  hcm.HttpConnectionManager,
  [
    'codecType',
    'statPrefix',
    'rds',
    'routeConfig',
    'httpFilters',
    'tracing',
    'commonHttpProtocolOptions',
    'httpProtocolOptions',
    'http2ProtocolOptions',
    'serverName',
    'serverHeaderTransformation',
    'maxRequestHeadersKb',
    'streamIdleTimeout',
    'requestTimeout',
    'requestHeadersTimeout',
    'drainTimeout',
    'accessLog',
    'accessLogFlushInterval',
    'flushAccessLogOnNewRequest',
    'accessLogOptions',
    'useRemoteAddress',
    'xffNumTrustedHops',
    'skipXffAppend',
    'via',
    'addUserAgent',
    'generateRequestId',
    'preserveExternalRequestId',
    'alwaysSetRequestIdInResponse',
    'forwardClientCertDetails',
    'setCurrentClientCertDetails',
    'proxy100Continue',
    'upgradeConfigs',
    'normalizePath',
    'mergeSlashes',
    'pathWithEscapedSlashesAction',
    'stripMatchingHostPort',
    'stripAnyHostPort',
    'stripTrailingHostDot',
    'scopedRoutes',
    'delayedCloseTimeout',
    'internalAddressConfig',
    'originalIpDetectionExtensions',
    'appendXForwardedPort',
    'schemeHeaderTransformation',
    'earlyHeaderMutationExtensions',
    'localReplyConfig',
    'requestIdExtension',
    'appendLocalOverload',
  ],
  {
    representIpv4RemoteAddressAsIpv4MappedIpv6: 'addresses are written as they are',
    streamErrorOnInvalidHttpMessage: 'a connection with an error in its framing is closed',
    pathNormalizationOptions: 'normalize_path and merge_slashes decide',
    typedHeaderValidationConfig: 'headers are always validated',
    addProxyProtocolConnectionState: 'nothing of this proxy reads it',
    proxyStatusConfig: 'a proxy-status header is not added',
    http3ProtocolOptions: 'HTTP/3 is not served',
  },
);
const logOptionsPolicy = fieldPolicy(hcm.HttpConnectionManager_HcmAccessLogOptions, [
  'accessLogFlushInterval',
  'flushAccessLogOnNewRequest',
  'flushLogOnTunnelSuccessfullyEstablished',
]);
const detailsPolicy = fieldPolicy(hcm.HttpConnectionManager_SetCurrentClientCertDetails, [
  'subject',
  'cert',
  'chain',
  'dns',
  'uri',
]);
const upgradePolicy = fieldPolicy(hcm.HttpConnectionManager_UpgradeConfig, [
  'upgradeType',
  'enabled',
  'filters',
]);

const schemePolicy = fieldPolicy(core.SchemeHeaderTransformation, ['schemeToOverwrite', 'matchUpstream']);
const earlyPolicy = fieldPolicy(EarlyHeaderMutation, ['mutations']);

export const connectionManagerPolicies = [
  hcmPolicy,
  logOptionsPolicy,
  detailsPolicy,
  upgradePolicy,
  schemePolicy,
  earlyPolicy,
];

const codecs: Readonly<Record<string, HttpConnectionManager['codec']>> = {
  AUTO: 'auto',
  HTTP1: 'http1',
  HTTP2: 'http2',
};
const serverHeaders: Readonly<Record<string, HttpConnectionManager['serverHeader']>> = {
  OVERWRITE: 'overwrite',
  APPEND_IF_ABSENT: 'append_if_absent',
  PASS_THROUGH: 'pass_through',
};
const forwardModes: Readonly<Record<string, ForwardClientCert['mode']>> = {
  SANITIZE: 'sanitize',
  FORWARD_ONLY: 'forward_only',
  APPEND_FORWARD: 'append_forward',
  SANITIZE_SET: 'sanitize_set',
  ALWAYS_FORWARD_ONLY: 'always_forward_only',
};
const escapedSlashes: Readonly<Record<string, PathNormalization['escapedSlashes']>> = {
  IMPLEMENTATION_SPECIFIC_DEFAULT: 'keep',
  KEEP_UNCHANGED: 'keep',
  REJECT_REQUEST: 'reject',
  UNESCAPE_AND_REDIRECT: 'unescape_and_redirect',
  UNESCAPE_AND_FORWARD: 'unescape_and_forward',
};
const underscores: Readonly<Record<string, HttpConnectionManager['headersWithUnderscores']>> = {
  ALLOW: 'allow',
  REJECT_REQUEST: 'reject',
  DROP_HEADER: 'drop',
};

/** A connection manager; what is not set has Envoy's default. */
export function decodeConnectionManager(
  scope: Scope,
  message: HcmMessage,
  context: FilterContext,
): HttpConnectionManager {
  scope.check(hcmPolicy, message);
  const common = message.commonHttpProtocolOptions ?? {};
  scope.at('commonHttpProtocolOptions').check(commonHttpPolicy, common);
  const http1 = message.httpProtocolOptions ?? {};
  scope.at('httpProtocolOptions').check(http1Policy, http1);
  const filters = (message.httpFilters ?? []).map((filter, i) =>
    decodeHttpFilter(scope.at('httpFilters').at(i), filter, context),
  );
  for (const [i, { config }] of filters.entries())
    if (config.kind === 'router' && i < filters.length - 1)
      scope.at('httpFilters').at(i).fail('the router must be the last filter, and the only one');
  if (filters.at(-1)?.config.kind !== 'router') {
    scope.at('httpFilters').fail('the last filter must be envoy.filters.http.router');
  }
  const { name: _, ...defaults } = defaultHttpConnectionManager(decodeRoutes(scope, message), filters);
  const serverName = message.serverName ?? defaults.serverName;
  if (message.stripAnyHostPort === true && message.stripMatchingHostPort === true)
    scope.at('stripAnyHostPort').fail('excludes strip_matching_host_port');
  failRepeatedUpgrades(scope.at('upgradeConfigs'), message.upgradeConfigs ?? []);
  return {
    ...defaults,
    statPrefix: message.statPrefix ?? '',
    codec: scope.at('codecType').choice(message.codecType, codecs, 'auto'),
    accessLogs: decodeAccessLogs(scope.at('accessLog'), message.accessLog),
    ...decodeLogTimes(scope, message),
    serverName,
    serverHeader: scope
      .at('serverHeaderTransformation')
      .choice(message.serverHeaderTransformation, serverHeaders, 'overwrite'),
    useRemoteAddress: message.useRemoteAddress ?? false,
    xffTrustedHops: message.xffNumTrustedHops ?? 0,
    skipXffAppend: message.skipXffAppend ?? false,
    via: message.via ?? '',
    ...(message.addUserAgent === true ? { addUserAgent: true } : {}),
    generateRequestId: message.generateRequestId ?? true,
    preserveExternalRequestId: message.preserveExternalRequestId ?? false,
    alwaysSetRequestIdInResponse: message.alwaysSetRequestIdInResponse ?? false,
    forwardClientCert: decodeForwardClientCert(scope, message),
    pathNormalization: {
      // Where nothing is said, Envoy leaves paths alone; the safe choice, and Istio's, is to normalise them: what a rule
      // is written for is then what the application sees.
      normalize: message.normalizePath ?? true,
      mergeSlashes: message.mergeSlashes ?? false,
      escapedSlashes: scope
        .at('pathWithEscapedSlashesAction')
        .choice(message.pathWithEscapedSlashesAction, escapedSlashes, 'keep'),
    },
    stripHostPort:
      message.stripAnyHostPort === true
        ? 'any'
        : message.stripMatchingHostPort === true
          ? 'matching'
          : 'keep',
    stripTrailingHostDot: message.stripTrailingHostDot ?? false,
    headersWithUnderscores: scope
      .at('commonHttpProtocolOptions')
      .at('headersWithUnderscoresAction')
      .choice(common.headersWithUnderscoresAction, underscores, 'allow'),
    upgrades: (message.upgradeConfigs ?? []).map((upgrade, i) => {
      const at = scope.at('upgradeConfigs').at(i);
      at.check(upgradePolicy, upgrade);
      return {
        type: (upgrade.upgradeType ?? '').toLowerCase(),
        enabled: upgrade.enabled ?? true,
        ...((upgrade.filters ?? []).length === 0
          ? {}
          : {
              filters: (upgrade.filters ?? []).map((filter, f) =>
                decodeHttpFilter(at.at('filters').at(f), filter, context),
              ),
            }),
      };
    }),
    idleTimeoutMs: common.idleTimeout ?? defaults.idleTimeoutMs,
    streamIdleTimeoutMs: message.streamIdleTimeout ?? defaults.streamIdleTimeoutMs,
    requestTimeoutMs: message.requestTimeout ?? 0,
    requestHeadersTimeoutMs: message.requestHeadersTimeout ?? 0,
    drainTimeoutMs: message.drainTimeout ?? defaults.drainTimeoutMs,
    maxConnectionDurationMs: common.maxConnectionDuration ?? 0,
    maxStreamDurationMs: common.maxStreamDuration ?? 0,
    maxRequestHeadersBytes:
      message.maxRequestHeadersKb === undefined
        ? defaults.maxRequestHeadersBytes
        : message.maxRequestHeadersKb * 1_024,
    maxHeaders: common.maxHeadersCount ?? defaults.maxHeaders,
    maxRequestsPerConnection: common.maxRequestsPerConnection ?? 0,
    http1: {
      acceptHttp10: http1.acceptHttp10 ?? false,
      defaultHostForHttp10: http1.defaultHostForHttp10 ?? '',
      ...decodeHeaderCase(scope.at('httpProtocolOptions'), http1),
      enableTrailers: http1.enableTrailers ?? false,
      allowAbsoluteUrl: http1.allowAbsoluteUrl ?? true,
      allowChunkedLength: http1.allowChunkedLength ?? false,
      allowCustomMethods: http1.allowCustomMethods ?? false,
    },
    http2: decodeHttp2(scope.at('http2ProtocolOptions'), message.http2ProtocolOptions ?? {}),
    ...(message.tracing === undefined
      ? {}
      : { tracing: decodeTracing(scope.at('tracing'), message.tracing) }),
    ...decodeRequestId(scope.at('requestIdExtension'), message.requestIdExtension),
    ...(message.appendLocalOverload === true ? { appendLocalOverload: true } : {}),
    proxy100Continue: message.proxy100Continue ?? false,
    ...decodeClientAddress(scope, message),
    ...(message.appendXForwardedPort === true ? { appendXForwardedPort: true } : {}),
    ...decodeScheme(scope.at('schemeHeaderTransformation'), message.schemeHeaderTransformation),
    ...decodeEarlyMutations(scope.at('earlyHeaderMutationExtensions'), message.earlyHeaderMutationExtensions),
    ...(message.localReplyConfig === undefined
      ? {}
      : { localReply: decodeLocalReply(scope.at('localReplyConfig'), message.localReplyConfig) }),
    ...(message.delayedCloseTimeout === undefined
      ? {}
      : { delayedCloseTimeoutMs: message.delayedCloseTimeout }),
  };
}

function decodeScheme(
  scope: Scope,
  message: core.SchemeHeaderTransformation | undefined,
): Pick<HttpConnectionManager, 'scheme'> {
  if (message === undefined) return {};
  scope.check(schemePolicy, message);
  if (message.matchUpstream === true) return { scheme: 'match_upstream' };
  const scheme = message.schemeToOverwrite;
  if (scheme === 'http' || scheme === 'https') return { scheme };
  if (scheme !== undefined) scope.at('schemeToOverwrite').fail(`"${scheme}" must be http or https`);
  return {};
}

function decodeEarlyMutations(
  scope: Scope,
  list: HcmMessage['earlyHeaderMutationExtensions'],
): Pick<HttpConnectionManager, 'earlyHeaders'> {
  if (list === undefined) return {};
  return {
    earlyHeaders: list.flatMap(({ typedConfig }, i) => {
      const at = scope.at(i).at('typedConfig');
      if (typeNameOf(typedConfig) !== EarlyHeaderMutation.typeName) {
        at.fail(`${typeNameOf(typedConfig)} is not supported`);
        return [];
      }
      return decodeHeaderMutations(
        at.at('mutations'),
        at.unpack(EarlyHeaderMutation, typedConfig)?.mutations,
      );
    }),
  };
}

function decodeForwardClientCert(scope: Scope, message: HcmMessage): ForwardClientCert {
  const details = message.setCurrentClientCertDetails ?? {};
  scope.at('setCurrentClientCertDetails').check(detailsPolicy, details);
  return {
    mode: scope
      .at('forwardClientCertDetails')
      .choice(message.forwardClientCertDetails, forwardModes, 'sanitize'),
    subject: details.subject ?? false,
    cert: details.cert ?? false,
    chain: details.chain ?? false,
    dns: details.dns ?? false,
    uri: details.uri ?? false,
  };
}

/** When lines are written besides the one at the end; the older fields and those that took their place. */
function decodeLogTimes(
  scope: Scope,
  message: hcm.HttpConnectionManager,
): Pick<HttpConnectionManager, 'logTimes'> {
  const options = message.accessLogOptions;
  if (options !== undefined) scope.at('accessLogOptions').check(logOptionsPolicy, options);
  const onRequest = options?.flushAccessLogOnNewRequest ?? message.flushAccessLogOnNewRequest ?? false;
  const intervalMs = options?.accessLogFlushInterval ?? message.accessLogFlushInterval ?? 0;
  const onTunnel = options?.flushLogOnTunnelSuccessfullyEstablished ?? false;
  return onRequest || onTunnel || intervalMs > 0 ? { logTimes: { onRequest, onTunnel, intervalMs } } : {};
}

function failRepeatedUpgrades(
  scope: Scope,
  upgrades: readonly hcm.HttpConnectionManager_UpgradeConfig[],
): void {
  const seen = new Set<string>();
  for (const [i, { upgradeType = '' }] of upgrades.entries()) {
    const type = upgradeType.toLowerCase();
    if (seen.has(type)) scope.at(i).at('upgradeType').fail(`"${upgradeType}" is there already`);
    seen.add(type);
  }
}
