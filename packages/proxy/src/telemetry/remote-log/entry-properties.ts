import type { Address as AddressMessage } from '@lateen/protocol/envoy/config/core/v3';
import type {
  AccessLogCommon,
  ResponseFlags,
  TLSProperties,
  TLSProperties_CertificateProperties,
} from '@lateen/protocol/envoy/data/accesslog/v3';
import { names } from '../../codec/header-name.ts';
import type { Address } from '../../model/address.ts';
import type { TlsInfo } from '../../wire/tls-info.ts';
import { flag } from '../response-flags.ts';
import { logTypeOf, type StreamInfo } from '../stream-info.ts';

/** The field of each of our flags; `dropOverload` has none in the messages that this proxy knows. */
const flagFields: readonly (readonly [bit: number, field: keyof ResponseFlags])[] = [
  [flag.failedLocalHealthCheck, 'failedLocalHealthcheck'],
  [flag.noHealthyUpstream, 'noHealthyUpstream'],
  [flag.upstreamRequestTimeout, 'upstreamRequestTimeout'],
  [flag.localReset, 'localReset'],
  [flag.upstreamRemoteReset, 'upstreamRemoteReset'],
  [flag.upstreamConnectionFailure, 'upstreamConnectionFailure'],
  [flag.upstreamConnectionTermination, 'upstreamConnectionTermination'],
  [flag.upstreamOverflow, 'upstreamOverflow'],
  [flag.noRouteFound, 'noRouteFound'],
  [flag.delayInjected, 'delayInjected'],
  [flag.faultInjected, 'faultInjected'],
  [flag.rateLimited, 'rateLimited'],
  [flag.rateLimitServiceError, 'rateLimitServiceError'],
  [flag.downstreamConnectionTermination, 'downstreamConnectionTermination'],
  [flag.upstreamRetryLimitExceeded, 'upstreamRetryLimitExceeded'],
  [flag.connectAttemptsExceeded, 'upstreamRetryLimitExceeded'],
  [flag.streamIdleTimeout, 'streamIdleTimeout'],
  [flag.downstreamProtocolError, 'downstreamProtocolError'],
  [flag.upstreamMaxStreamDurationReached, 'upstreamMaxStreamDurationReached'],
  [flag.noFilterConfigFound, 'noFilterConfigFound'],
  [flag.durationTimeout, 'durationTimeout'],
  [flag.upstreamProtocolError, 'upstreamProtocolError'],
  [flag.noClusterFound, 'noClusterFound'],
  [flag.overloadManager, 'overloadManager'],
  [flag.downstreamRemoteReset, 'downstreamRemoteReset'],
  [flag.invalidEnvoyRequestHeaders, 'invalidEnvoyRequestHeaders'],
];

export function responseFlags(flags: number): ResponseFlags {
  return {
    ...Object.fromEntries(flagFields.flatMap(([bit, field]) => ((flags & bit) === 0 ? [] : [[field, true]]))),
    ...((flags & flag.unauthorizedExternalService) === 0
      ? {}
      : { unauthorizedDetails: { reason: 'EXTERNAL_SERVICE' } }),
  };
}

function addressOf(address: Address): AddressMessage {
  return address.kind === 'pipe'
    ? { pipe: { path: address.path } }
    : { socketAddress: { address: address.address, portValue: address.port } };
}

/** The address of `address:port`, with or without brackets. */
function addressOfText(text: string): AddressMessage | undefined {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon < 0 || !Number.isInteger(port)) return undefined;
  const address = text.slice(0, colon).replace(/^\[|\]$/g, '');
  return { socketAddress: { address, portValue: port } };
}

const tlsVersions: Readonly<Record<string, TLSProperties['tlsVersion']>> = {
  TLSv1: 'TLSv1',
  'TLSv1.1': 'TLSv1_1',
  'TLSv1.2': 'TLSv1_2',
  'TLSv1.3': 'TLSv1_3',
};

function certificate(
  uris: readonly string[],
  dns: readonly string[],
  subject: string,
): TLSProperties_CertificateProperties {
  return {
    subjectAltName: [...uris.map((uri) => ({ uri })), ...dns.map((name) => ({ dns: name }))],
    ...(subject === '' ? {} : { subject }),
  };
}

function tlsProperties(tls: TlsInfo, ja3Fingerprint: string | undefined): TLSProperties {
  return {
    tlsVersion: tlsVersions[tls.version],
    tlsSniHostname: tls.sni,
    ja3Fingerprint,
    ...(tls.sessionId === '' ? {} : { tlsSessionId: Buffer.from(tls.sessionId, 'latin1').toString('hex') }),
    ...(tls.own === undefined
      ? {}
      : { localCertificateProperties: certificate(tls.own.uriSans, tls.own.dnsSans, tls.own.subject) }),
    ...(tls.peerCertificate === undefined
      ? {}
      : { peerCertificateProperties: certificate(tls.peerUriSans, tls.peerDnsSans, tls.peerSubject) }),
  };
}

/** What records of requests and of TCP connections have in common (`AccessLogCommon`). */
export function commonProperties(
  info: StreamInfo,
  customTags: Readonly<Record<string, string>> | undefined,
): AccessLogCommon {
  const { downstreamRemote, downstreamLocal, downstreamDirectRemote, downstreamTls, endpoint } = info;
  return {
    ...(downstreamRemote === undefined ? {} : { downstreamRemoteAddress: addressOf(downstreamRemote) }),
    ...(downstreamLocal === undefined ? {} : { downstreamLocalAddress: addressOf(downstreamLocal) }),
    ...(downstreamDirectRemote === undefined
      ? {}
      : { downstreamDirectRemoteAddress: addressOf(downstreamDirectRemote) }),
    ...(downstreamTls === undefined ? {} : { tlsProperties: tlsProperties(downstreamTls, info.ja3) }),
    startTime: info.startWallMs,
    timeToLastRxByte: info.requestDurationMs,
    timeToFirstUpstreamRxByte: endpoint === undefined ? undefined : info.responseDurationMs,
    timeToFirstDownstreamTxByte: info.responseDurationMs,
    timeToLastDownstreamTxByte: info.durationMs,
    duration: info.durationMs,
    ...(endpoint === undefined ? {} : { upstreamRemoteAddress: addressOf(endpoint.address) }),
    upstreamLocalAddress: addressOfText(info.upstreamLocal),
    upstreamCluster: info.upstreamModel?.statName ?? info.upstreamCluster,
    responseFlags: responseFlags(info.flags),
    ...(info.dynamicMetadata === undefined ? {} : { metadata: { filterMetadata: info.dynamicMetadata } }),
    upstreamTransportFailureReason: info.upstreamFailure,
    routeName: info.routeName,
    customTags,
    upstreamRequestAttemptCount: info.attempts,
    streamId: info.request?.headers.get(names.requestId) ?? '',
    accessLogType: logTypeOf(info),
    intermediateLogEntry: !logTypeOf(info).endsWith('End'),
    downstreamWireBytesSent: info.downstreamBytes?.wireSent,
    downstreamWireBytesReceived: info.downstreamBytes?.wireReceived,
    upstreamWireBytesSent: info.upstreamBytes?.wireSent,
    upstreamWireBytesReceived: info.upstreamBytes?.wireReceived,
  };
}
