import type { Cluster as ClusterMessage } from '@lateen/protocol/envoy/config/cluster/v3';
import type {
  Http1ProtocolOptions,
  Http2ProtocolOptions,
  HttpProtocolOptions as CommonHttpOptions,
} from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import * as upstream from '@lateen/protocol/envoy/extensions/upstreams/http/v3';
import {
  defaultHttp2,
  defaultUpstreamHttp,
  type Http2Options,
  type UpstreamHttpOptions,
} from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const floodLimits = 'the HTTP/2 codec has limits of its own against floods';

export const http1Policy = fieldPolicy(
  core.Http1ProtocolOptions,
  [
    'allowAbsoluteUrl',
    'acceptHttp10',
    'defaultHostForHttp10',
    'headerKeyFormat',
    'enableTrailers',
    'allowChunkedLength',
  ],
  {
    useBalsaParser: 'the proxy has one codec, and it is strict',
    allowCustomMethods: 'every token is a method',
    overrideStreamErrorOnInvalidHttpMessage: 'a connection with an error in its framing is closed',
  },
);
export const http2Policy = fieldPolicy(
  core.Http2ProtocolOptions,
  ['maxConcurrentStreams', 'initialStreamWindowSize', 'initialConnectionWindowSize', 'allowConnect'],
  {
    hpackTableSize: "the codec's default of 4096 is used",
    maxOutboundFrames: floodLimits,
    maxOutboundControlFrames: floodLimits,
    maxConsecutiveInboundFramesWithEmptyPayload: floodLimits,
    maxInboundPriorityFramesPerStream: floodLimits,
    maxInboundWindowUpdateFramesPerDataFrameSent: floodLimits,
    streamErrorOnInvalidHttpMessaging: 'an invalid message resets its stream',
    overrideStreamErrorOnInvalidHttpMessage: 'an invalid message resets its stream',
    connectionKeepalive: 'dead connections are found by TCP keep-alive',
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

export const upstreamHttpPolicies = [http1Policy, http2Policy, commonHttpPolicy, optionsPolicy, autoPolicy];

/** The key of the options in a cluster's `typed_extension_protocol_options`. */
const optionsKey = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Filters of the upstream chain that do nothing this proxy would not do anyway. */
const harmlessFilters = new Set(['envoy.filters.http.upstream_codec']);

interface UpstreamHttp {
  readonly options: UpstreamHttpOptions;
  readonly auto: { readonly sni: boolean; readonly sanValidation: boolean };
}

/** How a cluster speaks HTTP: the typed options, else the older fields of the cluster itself. */
export function decodeUpstreamHttp(scope: Scope, message: ClusterMessage): UpstreamHttp {
  const extensions = scope.at('typedExtensionProtocolOptions');
  for (const key of Object.keys(message.typedExtensionProtocolOptions ?? {})) {
    if (key !== optionsKey) extensions.at(key).fail('is not supported by this proxy');
  }
  const any = message.typedExtensionProtocolOptions?.[optionsKey];
  const at = extensions.at(optionsKey);
  const typed = any === undefined ? undefined : at.unpack(upstream.HttpProtocolOptions, any);
  if (typed === undefined) return decodeOldFields(scope, message);
  at.check(optionsPolicy, typed);
  for (const [i, filter] of (typed.httpFilters ?? []).entries()) {
    if (!harmlessFilters.has(filter.name ?? '')) {
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
    preserveHeaderCase: preservesCase(http1),
    enableTrailers: http1.enableTrailers ?? false,
  };
}

/** True where header names keep the case in which they came. */
export function preservesCase(http1: Http1ProtocolOptions): boolean {
  return http1.headerKeyFormat?.statefulFormatter !== undefined;
}

export function decodeHttp2(scope: Scope, message: Http2ProtocolOptions): Http2Options {
  scope.check(http2Policy, message);
  return {
    maxConcurrentStreams: message.maxConcurrentStreams ?? defaultHttp2.maxConcurrentStreams,
    initialStreamWindowBytes: message.initialStreamWindowSize ?? defaultHttp2.initialStreamWindowBytes,
    initialConnectionWindowBytes:
      message.initialConnectionWindowSize ?? defaultHttp2.initialConnectionWindowBytes,
    allowConnect: message.allowConnect ?? false,
  };
}
