import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { HeaderBlock } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import { formatAddress, type SocketAddress } from '../model/address.ts';
import { byteOperators } from './byte-operators.ts';
import { nonEmpty, type Operator } from './format-operator.ts';
import { grpcStatusName, grpcStatusSnake } from './grpc-status-names.ts';
import { grpcStatusOf } from './grpc-status.ts';
import { formatFlags, formatLongFlags } from './response-flags.ts';
import { logTypeOf } from './stream-info.ts';
import { tlsOperators } from './tls-operators.ts';

/** Clients may say anything: what is in no name of a host is `_`, and the whole is marked (Envoy, sanitized SNI). */
function shownServerName(name: string): string {
  return /[^0-9A-Za-z._-]/.test(name) ? `invalid:${name.replace(/[^0-9A-Za-z._-]/g, '_')}` : name;
}

function ip(address: SocketAddress | undefined): string | undefined {
  return address?.address;
}

function whole(address: SocketAddress | undefined): string | undefined {
  return address === undefined ? undefined : formatAddress(address);
}

function wholeMs(ms: number | undefined): number | undefined {
  // As Envoy: what is less than a millisecond is cut off.
  return ms === undefined ? undefined : Math.trunc(ms);
}

/** The address of `address:port`. */
function hostOf(text: string): string | undefined {
  return nonEmpty(text.slice(0, Math.max(0, text.lastIndexOf(':'))));
}

function portOf(text: string): number | undefined {
  const port = Number(text.slice(text.lastIndexOf(':') + 1));
  return text === '' || Number.isNaN(port) ? undefined : port;
}

/** Bytes of names and values. */
function sizeOf(block: HeaderBlock | undefined): number {
  let size = 0;
  block?.forEach((name, value) => (size += name.length + value.length));
  return size;
}

/** For what this proxy does not measure, or what filters that it does not have would say. */
const nothing: Operator = () => undefined;

/** Envoy's operators without arguments. */
export const streamOperators: Readonly<Record<string, Operator>> = {
  ...tlsOperators,
  ...byteOperators,
  PROTOCOL: (i) => i.request?.version,
  UPSTREAM_PROTOCOL: (i) => i.upstreamProtocol,
  RESPONSE_CODE: (i) => i.status,
  RESPONSE_CODE_DETAILS: (i) => nonEmpty(i.details.replaceAll(' ', '_')),
  CONNECTION_TERMINATION_DETAILS: ({ terminationDetails = '' }) => nonEmpty(terminationDetails),
  RESPONSE_FLAGS: (i) => formatFlags(i.flags),
  RESPONSE_FLAGS_LONG: (i) => formatLongFlags(i.flags),
  REQUEST_HEADERS_BYTES: (i) => sizeOf(i.request?.headers),
  RESPONSE_HEADERS_BYTES: (i) => sizeOf(i.response?.headers),
  RESPONSE_TRAILERS_BYTES: (i) => sizeOf(i.responseTrailers),
  BYTES_RECEIVED: (i) => i.bytesReceived,
  BYTES_SENT: (i) => i.bytesSent,
  DURATION: (i) => wholeMs(i.durationMs),
  REQUEST_DURATION: (i) => wholeMs(i.requestDurationMs),
  REQUEST_TX_DURATION: (i) => (i.upstreamHost === '' ? undefined : wholeMs(i.requestDurationMs)),
  RESPONSE_DURATION: (i) => wholeMs(i.responseDurationMs),
  RESPONSE_TX_DURATION: (i) =>
    i.responseDurationMs === undefined ? undefined : wholeMs(i.durationMs - i.responseDurationMs),
  UPSTREAM_HOST: (i) => nonEmpty(i.upstreamHost),
  UPSTREAM_HOST_NAME: (i) => nonEmpty(i.endpoint?.endpoint.hostname) ?? nonEmpty(i.upstreamHost),
  UPSTREAM_HOST_NAME_WITHOUT_PORT: (i) => nonEmpty(i.endpoint?.endpoint.hostname) ?? hostOf(i.upstreamHost),
  UPSTREAM_REMOTE_ADDRESS: (i) => nonEmpty(i.upstreamHost),
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (i) => hostOf(i.upstreamHost),
  UPSTREAM_REMOTE_PORT: (i) => portOf(i.upstreamHost),
  UPSTREAM_LOCAL_ADDRESS: (i) => nonEmpty(i.upstreamLocal),
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (i) => hostOf(i.upstreamLocal),
  UPSTREAM_LOCAL_PORT: (i) => portOf(i.upstreamLocal),
  UPSTREAM_CLUSTER: (i) => nonEmpty(i.upstreamModel?.statName) ?? nonEmpty(i.upstreamCluster),
  UPSTREAM_CLUSTER_RAW: (i) => nonEmpty(i.upstreamCluster),
  // As Envoy: lines of text are split at their spaces.
  UPSTREAM_TRANSPORT_FAILURE_REASON: (i) => nonEmpty(i.upstreamFailure.replaceAll(' ', '_')),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (i) => i.attempts,
  DOWNSTREAM_REMOTE_ADDRESS: (i) => whole(i.downstreamRemote),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (i) => ip(i.downstreamRemote),
  DOWNSTREAM_REMOTE_PORT: (i) => i.downstreamRemote?.port,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (i) => whole(i.downstreamDirectRemote),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (i) => ip(i.downstreamDirectRemote),
  DOWNSTREAM_DIRECT_REMOTE_PORT: (i) => i.downstreamDirectRemote?.port,
  DOWNSTREAM_LOCAL_ADDRESS: (i) => whole(i.downstreamLocal),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (i) => ip(i.downstreamLocal),
  DOWNSTREAM_LOCAL_PORT: (i) => i.downstreamLocal?.port,
  REQUESTED_SERVER_NAME: (i) => nonEmpty(shownServerName(i.requestedServerName)),
  TLS_JA3_FINGERPRINT: (i) => i.ja3,
  TLS_JA4_FINGERPRINT: (i) => i.ja4,
  ROUTE_NAME: (i) => nonEmpty(i.routeName),
  LOCAL_REPLY_BODY: (i) => i.localReplyBody ?? '',
  VIRTUAL_CLUSTER_NAME: (i) => nonEmpty(i.virtualClusterName),
  UPSTREAM_CONNECTION_ID: (i) => i.upstreamConnectionId,
  CONNECTION_ID: (i) => i.connectionId,
  STREAM_ID: (i) => i.request?.headers.get(names.requestId),
  TRACE_ID: (i) => nonEmpty(i.traceId),
  UNIQUE_ID: () => randomUUID(),
  ACCESS_LOG_TYPE: (i) => logTypeOf(i),
  HOSTNAME: () => hostname(),
  FILTER_CHAIN_NAME: (i) => nonEmpty(i.filterChainName),
  UPSTREAM_CONNECTION_POOL_READY_DURATION: (i) => wholeMs(i.poolReadyMs),
  DOWNSTREAM_HANDSHAKE_DURATION: (i) => wholeMs(i.handshakeMs),
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: (i) => nonEmpty(i.downstreamFailure?.replaceAll(' ', '_')),
  DOWNSTREAM_LOCAL_CLOSE_REASON: (i) => nonEmpty(i.downstreamClose?.reason),
  // As Envoy, which finds out for connections only: of requests it says that nothing was out of order.
  DOWNSTREAM_DETECTED_CLOSE_TYPE: (i) => i.downstreamClose?.type ?? 'Normal',
  UPSTREAM_LOCAL_CLOSE_REASON: (i) => nonEmpty(i.upstreamClose?.reason),
  UPSTREAM_DETECTED_CLOSE_TYPE: (i) =>
    i.upstreamClose?.type ?? (i.upstreamHost === '' ? undefined : 'Normal'),
  // Of QUIC only.
  BYTES_RETRANSMITTED: () => 0,
  PACKETS_RETRANSMITTED: () => 0,
  GRPC_STATUS_NUMBER: (i) => grpcStatusOf(i),
  // Not measured, or told by nothing that this proxy has.
  ROUNDTRIP_DURATION: nothing,
};

/** `%GRPC_STATUS(format)%`; undefined for a format that there is not. */
export function grpcStatusOperator(format: string | undefined): Operator | undefined {
  const named =
    (nameOf: (status: number) => string | undefined): Operator =>
    (info) => {
      const status = grpcStatusOf(info);
      return status === undefined ? undefined : (nameOf(status) ?? String(status));
    };
  switch (format) {
    case undefined:
    case '':
    case 'CAMEL_STRING':
      return named(grpcStatusName);
    case 'SNAKE_STRING':
      return named(grpcStatusSnake);
    case 'NUMBER':
      return grpcStatusOf;
    default:
      return undefined;
  }
}
