import type { Cluster as ClusterMessage } from '@lateen/protocol/envoy/config/cluster/v3';
import type {
  Http1ProtocolOptions,
  Http2ProtocolOptions,
  HttpProtocolOptions as CommonHttpOptions,
} from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import { UpstreamCodec } from '@lateen/protocol/envoy/extensions/filters/http/upstream_codec/v3';
import { PreserveCaseFormatterConfig } from '@lateen/protocol/envoy/extensions/http/header_formatters/preserve_case/v3';
import * as upstream from '@lateen/protocol/envoy/extensions/upstreams/http/v3';
import {
  defaultHttp2,
  defaultUpstreamHttp,
  type Http2FloodLimits,
  type Http2Options,
  type UpstreamHttpOptions,
} from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { percentOf } from './percent.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';

export const http1Policy = fieldPolicy(
  core.Http1ProtocolOptions,
  [
    'allowAbsoluteUrl',
    'acceptHttp10',
    'defaultHostForHttp10',
    'headerKeyFormat',
    'enableTrailers',
    'allowChunkedLength',
    'allowCustomMethods',
    'sendFullyQualifiedUrl',
  ],
  {
    useBalsaParser: 'the proxy has one codec, and it is strict',
    overrideStreamErrorOnInvalidHttpMessage: 'a connection with an error in its framing is closed',
  },
);
export const http2Policy = fieldPolicy(
  core.Http2ProtocolOptions,
  [
    'maxConcurrentStreams',
    'initialStreamWindowSize',
    'initialConnectionWindowSize',
    'allowConnect',
    'hpackTableSize',
    'maxOutboundControlFrames',
    'maxConsecutiveInboundFramesWithEmptyPayload',
    'maxInboundPriorityFramesPerStream',
    'maxInboundWindowUpdateFramesPerDataFrameSent',
    'connectionKeepalive',
    'customSettingsParameters',
  ],
  {
    maxOutboundFrames: 'what is sent is held back by windows and by the socket, in bytes',
    streamErrorOnInvalidHttpMessaging: 'an invalid message resets its stream',
    overrideStreamErrorOnInvalidHttpMessage: 'an invalid message resets its stream',
    useOghttp2Codec: 'the proxy has one codec',
  },
);
export const commonHttpPolicy = fieldPolicy(core.HttpProtocolOptions, [
  'idleTimeout',
  'maxConnectionDuration',
  'maxHeadersCount',
  'maxStreamDuration',
  'headersWithUnderscoresAction',
  'maxRequestsPerConnection',
]);
const optionsPolicy = fieldPolicy(
  upstream.HttpProtocolOptions,
  [
    'commonHttpProtocolOptions',
    'upstreamHttpProtocolOptions',
    'explicitHttpConfig',
    'useDownstreamProtocolConfig',
    'autoConfig',
    'httpFilters',
  ],
  { headerValidationConfig: 'headers are always validated' },
);
const autoPolicy = fieldPolicy(core.UpstreamHttpProtocolOptions, ['autoSni', 'autoSanValidation']);

const keepalivePolicy = fieldPolicy(core.KeepaliveSettings, [
  'interval',
  'timeout',
  'intervalJitter',
  'connectionIdleInterval',
]);
const preserveCasePolicy = fieldPolicy(PreserveCaseFormatterConfig, [], {
  forwardReasonPhrase: 'reason phrases are those of the statuses',
  formatterTypeOnEnvoyHeaders: 'headers of the proxy itself are lower case',
});

export const upstreamHttpPolicies = [
  keepalivePolicy,
  preserveCasePolicy,
  http1Policy,
  http2Policy,
  commonHttpPolicy,
  optionsPolicy,
  autoPolicy,
];

/** Another key there, of the options for Redis. */
export const redisOptionsKey = 'envoy.filters.network.redis_proxy';
/** The key of the options in a cluster's `typed_extension_protocol_options`. */
const optionsKey = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

interface UpstreamHttp {
  readonly options: UpstreamHttpOptions;
  readonly auto: { readonly sni: boolean; readonly sanValidation: boolean };
}

/** How a cluster speaks HTTP: the typed options, else the older fields of the cluster itself. */
export function decodeUpstreamHttp(scope: Scope, message: ClusterMessage): UpstreamHttp {
  const extensions = scope.at('typedExtensionProtocolOptions');
  for (const key of Object.keys(message.typedExtensionProtocolOptions ?? {})) {
    if (key !== optionsKey && key !== redisOptionsKey)
      extensions.entry(key).fail('is not supported by this proxy');
  }
  const any = message.typedExtensionProtocolOptions?.[optionsKey];
  const at = extensions.entry(optionsKey);
  const typed = any === undefined ? undefined : at.unpack(upstream.HttpProtocolOptions, any);
  if (typed === undefined) return decodeOldFields(scope, message);
  at.check(optionsPolicy, typed);
  for (const [i, filter] of (typed.httpFilters ?? []).entries()) {
    // It does nothing that this proxy would not do anyway.
    if (typeNameOf(filter.typedConfig) !== UpstreamCodec.typeName) {
      at.at('httpFilters').at(i).fail(`HTTP filter "${filter.name}" is not supported in a cluster`);
    }
  }
  const explicit = typed.explicitHttpConfig;
  const either = typed.useDownstreamProtocolConfig ?? typed.autoConfig;
  if (explicit?.http3ProtocolOptions !== undefined)
    at.at('explicitHttpConfig').fail('HTTP/3 is not supported');
  const protocol =
    typed.autoConfig !== undefined
      ? 'auto'
      : typed.useDownstreamProtocolConfig !== undefined
        ? 'downstream'
        : explicit?.http2ProtocolOptions !== undefined
          ? 'http2'
          : 'http1';
  const names = typed.upstreamHttpProtocolOptions ?? {};
  at.at('upstreamHttpProtocolOptions').check(autoPolicy, names);
  return {
    options: {
      protocol,
      ...decodeShared(
        at,
        typed.commonHttpProtocolOptions,
        explicit?.httpProtocolOptions ?? either?.httpProtocolOptions,
        explicit?.http2ProtocolOptions ?? either?.http2ProtocolOptions,
      ),
    },
    auto: { sni: names.autoSni ?? false, sanValidation: names.autoSanValidation ?? false },
  };
}

function decodeOldFields(scope: Scope, message: ClusterMessage): UpstreamHttp {
  const downstream = message.protocolSelection === 'USE_DOWNSTREAM_PROTOCOL';
  const options = decodeShared(
    scope,
    message.commonHttpProtocolOptions,
    message.httpProtocolOptions,
    message.http2ProtocolOptions,
  );
  const names = message.upstreamHttpProtocolOptions ?? {};
  scope.at('upstreamHttpProtocolOptions').check(autoPolicy, names);
  return {
    options: {
      protocol: downstream ? 'downstream' : message.http2ProtocolOptions === undefined ? 'http1' : 'http2',
      ...options,
      ...(message.maxRequestsPerConnection === undefined
        ? {}
        : { maxRequestsPerConnection: message.maxRequestsPerConnection }),
    },
    auto: { sni: names.autoSni ?? false, sanValidation: names.autoSanValidation ?? false },
  };
}

function decodeShared(
  scope: Scope,
  common: CommonHttpOptions = {},
  http1: Http1ProtocolOptions = {},
  http2: Http2ProtocolOptions = {},
): Omit<UpstreamHttpOptions, 'protocol'> {
  scope.at('commonHttpProtocolOptions').check(commonHttpPolicy, common);
  scope.at('httpProtocolOptions').check(http1Policy, http1);
  return {
    http2: decodeHttp2(scope.at('http2ProtocolOptions'), http2),
    idleTimeoutMs: common.idleTimeout ?? defaultUpstreamHttp.idleTimeoutMs,
    maxRequestsPerConnection: common.maxRequestsPerConnection ?? 0,
    maxConnectionDurationMs: common.maxConnectionDuration ?? 0,
    maxStreamDurationMs: common.maxStreamDuration ?? 0,
    ...decodeHeaderCase(scope.at('httpProtocolOptions'), http1),
    ...(http1.sendFullyQualifiedUrl === true ? { sendFullUrl: true } : {}),
    ...(common.maxHeadersCount === undefined ? {} : { maxHeaders: common.maxHeadersCount }),
    enableTrailers: http1.enableTrailers ?? false,
  };
}

/** How header names are written: as they came, with large letters, or small. */
export function decodeHeaderCase(
  scope: Scope,
  http1: Http1ProtocolOptions,
): { readonly preserveHeaderCase: boolean; readonly properCase?: boolean } {
  const { properCaseWords, statefulFormatter } = http1.headerKeyFormat ?? {};
  if (statefulFormatter === undefined) {
    return { preserveHeaderCase: false, ...(properCaseWords === undefined ? {} : { properCase: true }) };
  }
  const at = scope.at('headerKeyFormat').at('statefulFormatter').at('typedConfig');
  const config = at.unpack(PreserveCaseFormatterConfig, statefulFormatter.typedConfig) ?? {};
  at.check(preserveCasePolicy, config);
  return { preserveHeaderCase: true };
}

export function decodeHttp2(scope: Scope, message: Http2ProtocolOptions): Http2Options {
  scope.check(http2Policy, message);
  return {
    maxConcurrentStreams: message.maxConcurrentStreams ?? defaultHttp2.maxConcurrentStreams,
    initialStreamWindowBytes: message.initialStreamWindowSize ?? defaultHttp2.initialStreamWindowBytes,
    initialConnectionWindowBytes:
      message.initialConnectionWindowSize ?? defaultHttp2.initialConnectionWindowBytes,
    allowConnect: message.allowConnect ?? false,
    ...(message.hpackTableSize === undefined ? {} : { hpackTableBytes: message.hpackTableSize }),
    ...decodeKeepalive(scope.at('connectionKeepalive'), message.connectionKeepalive),
    ...decodeFloodLimits(message),
    ...decodeCustomSettings(scope.at('customSettingsParameters'), message.customSettingsParameters),
  };
}

function decodeKeepalive(
  scope: Scope,
  message: core.KeepaliveSettings | undefined,
): Pick<Http2Options, 'keepalive'> {
  if (message === undefined) return {};
  scope.check(keepalivePolicy, message);
  const { interval = 0, timeout = 0, connectionIdleInterval = 0 } = message;
  if (timeout < 1) scope.at('timeout').fail('must be at least 1ms');
  return {
    keepalive: {
      intervalMs: interval,
      timeoutMs: timeout,
      jitterPercent: percentOf(message.intervalJitter, 15),
      idleIntervalMs: connectionIdleInterval,
    },
  };
}

function decodeFloodLimits(message: Http2ProtocolOptions): Pick<Http2Options, 'floodLimits'> {
  const limits = {
    outboundControlFrames: message.maxOutboundControlFrames,
    emptyFrames: message.maxConsecutiveInboundFramesWithEmptyPayload,
    priorityFrames: message.maxInboundPriorityFramesPerStream,
    windowUpdatesPerData: message.maxInboundWindowUpdateFramesPerDataFrameSent,
  };
  const set = Object.entries(limits).filter(([, value]) => value !== undefined);
  return set.length === 0 ? {} : { floodLimits: Object.fromEntries(set) as Http2FloodLimits };
}

/** Settings that the codec sends itself cannot be sent a second time (Envoy, `custom_settings_parameters`). */
const ownSettings = new Set([0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x8]);

function decodeCustomSettings(
  scope: Scope,
  list: Http2ProtocolOptions['customSettingsParameters'],
): Pick<Http2Options, 'customSettings'> {
  if (list === undefined || list.length === 0) return {};
  return {
    customSettings: list.map(({ identifier = 0, value = 0 }, i) => {
      if (ownSettings.has(identifier)) scope.at(i).fail(`setting ${identifier} has an option of its own`);
      if (identifier < 1 || identifier > 0xffff) scope.at(i).fail(`${identifier} is no number of a setting`);
      return [identifier, value] as const;
    }),
  };
}
