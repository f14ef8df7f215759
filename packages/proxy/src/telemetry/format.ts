import { hostname } from 'node:os';
import { ok, problem, type Result } from '@lateen/core';
import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName, names } from '../codec/header-name.ts';
import { formatAddress, type SocketAddress } from '../model/address.ts';
import { headerReader } from '../decide/header-match.ts';
import { formatFlags } from './response-flags.ts';
import type { StreamInfo } from './stream-info.ts';

/** One command operator, bound to its arguments; undefined prints as `-`. */
export type Operator = (info: StreamInfo) => string | number | undefined;

/** Envoy's line where an access log has no format of its own. */
export const defaultAccessLogFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

function text(value: string): string | undefined {
  return value === '' ? undefined : value;
}

function ip(address: SocketAddress | undefined): string | undefined {
  return address?.address;
}

function whole(address: SocketAddress | undefined): string | undefined {
  return address === undefined ? undefined : formatAddress(address);
}

function round(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms);
}

const plain: Readonly<Record<string, Operator>> = {
  PROTOCOL: (i) => i.request?.version,
  RESPONSE_CODE: (i) => i.status,
  RESPONSE_CODE_DETAILS: (i) => text(i.details.replaceAll(' ', '_')),
  CONNECTION_TERMINATION_DETAILS: () => undefined,
  RESPONSE_FLAGS: (i) => formatFlags(i.flags),
  BYTES_RECEIVED: (i) => i.bytesReceived,
  BYTES_SENT: (i) => i.bytesSent,
  DURATION: (i) => round(i.durationMs),
  REQUEST_DURATION: (i) => round(i.requestDurationMs),
  RESPONSE_DURATION: (i) => round(i.responseDurationMs),
  RESPONSE_TX_DURATION: (i) =>
    i.responseDurationMs === undefined ? undefined : round(i.durationMs - i.responseDurationMs),
  UPSTREAM_HOST: (i) => text(i.upstreamHost),
  UPSTREAM_REMOTE_ADDRESS: (i) => text(i.upstreamHost),
  UPSTREAM_LOCAL_ADDRESS: (i) => text(i.upstreamLocal),
  UPSTREAM_CLUSTER: (i) => text(i.upstreamCluster),
  UPSTREAM_CLUSTER_RAW: (i) => text(i.upstreamCluster),
  UPSTREAM_TRANSPORT_FAILURE_REASON: (i) => text(i.upstreamFailure),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (i) => i.attempts,
  DOWNSTREAM_REMOTE_ADDRESS: (i) => whole(i.downstreamRemote),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (i) => ip(i.downstreamRemote),
  DOWNSTREAM_REMOTE_PORT: (i) => i.downstreamRemote?.port,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (i) => whole(i.downstreamDirectRemote),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (i) => ip(i.downstreamDirectRemote),
  DOWNSTREAM_LOCAL_ADDRESS: (i) => whole(i.downstreamLocal),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (i) => ip(i.downstreamLocal),
  DOWNSTREAM_LOCAL_PORT: (i) => i.downstreamLocal?.port,
  DOWNSTREAM_PEER_URI_SAN: (i) => text(i.downstreamTls?.peerUriSans.join(',') ?? ''),
  DOWNSTREAM_PEER_SUBJECT: (i) => text(i.downstreamTls?.peerSubject ?? ''),
  DOWNSTREAM_TLS_VERSION: (i) => i.downstreamTls?.version,
  DOWNSTREAM_TLS_CIPHER: (i) => i.downstreamTls?.cipher,
  REQUESTED_SERVER_NAME: (i) => text(i.requestedServerName),
  ROUTE_NAME: (i) => text(i.routeName),
  LOCAL_REPLY_BODY: (i) => i.localReplyBody ?? '',
  VIRTUAL_CLUSTER_NAME: () => undefined,
  CONNECTION_ID: (i) => i.connectionId,
  STREAM_ID: (i) => i.request?.headers.get(names.requestId),
  HOSTNAME: () => hostname(),
  GRPC_STATUS_NUMBER: (i) =>
    i.responseTrailers?.get(names.grpcStatus) ?? i.response?.headers.get(names.grpcStatus),
  GRPC_STATUS: (i) => i.responseTrailers?.get(names.grpcStatus) ?? i.response?.headers.get(names.grpcStatus),
};

/** `A?B` : the first header that is there. */
function alternatives(argument: string): string[] {
  return argument.split('?').slice(0, 2);
}

function requestHeader(argument: string): Operator {
  const readers = alternatives(argument).map(headerReader);
  return ({ request }) => {
    if (request === undefined) return undefined;
    for (const read of readers) {
      const value = read(request);
      if (value !== undefined && value !== '') return value;
    }
    return undefined;
  };
}

function blockHeader(argument: string, block: (info: StreamInfo) => HeaderBlock | undefined): Operator {
  const wanted = alternatives(argument).map(headerName);
  return (info) => {
    for (const name of wanted) {
      const value = block(info)?.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  };
}

/** `namespace:key:key`; a value that is no text is written as JSON. */
function dynamicMetadata(argument: string): Operator {
  const keys = argument.split(':');
  return ({ dynamicMetadata }) => {
    let value: unknown = dynamicMetadata;
    for (const key of keys) value = (value as { readonly [key: string]: unknown } | undefined)?.[key];
    return value === undefined || typeof value === 'string' ? value : JSON.stringify(value);
  };
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** Formats a time as `strftime` does; `%3f` are fractions of a second, `%s` seconds since the epoch. Always UTC. */
export function formatTime(wallMs: number, format: string): string {
  const date = new Date(wallMs);
  return format.replace(/%([1-9]?f|[a-zA-Z%])/g, (all, code: string) => {
    if (code.endsWith('f')) {
      const digits = code === 'f' ? 9 : Number(code[0]);
      return pad(Math.floor(wallMs % 1000), 3)
        .padEnd(9, '0')
        .slice(0, digits);
    }
    switch (code) {
      case 'Y':
        return String(date.getUTCFullYear());
      case 'y':
        return pad(date.getUTCFullYear() % 100, 2);
      case 'm':
        return pad(date.getUTCMonth() + 1, 2);
      case 'd':
        return pad(date.getUTCDate(), 2);
      case 'H':
        return pad(date.getUTCHours(), 2);
      case 'M':
        return pad(date.getUTCMinutes(), 2);
      case 'S':
        return pad(date.getUTCSeconds(), 2);
      case 'F':
        return date.toISOString().slice(0, 10);
      case 'T':
        return date.toISOString().slice(11, 19);
      case 'Z':
        return 'UTC';
      case 'z':
        return '+0000';
      case 's':
        return String(Math.floor(wallMs / 1000));
      case 'b':
        return date.toUTCString().slice(8, 11);
      case 'a':
        return date.toUTCString().slice(0, 3);
      case '%':
        return '%';
      default:
        return all;
    }
  });
}

/** The operator of `NAME(argument):length`; undefined for names that nobody knows. */
function operatorOf(name: string, argument: string | undefined): Operator | undefined {
  switch (name) {
    case 'REQ':
      return requestHeader(argument ?? '');
    case 'RESP':
      return blockHeader(argument ?? '', (info) => info.response?.headers);
    case 'TRAILER':
      return blockHeader(argument ?? '', (info) => info.responseTrailers);
    case 'START_TIME':
      return argument === undefined
        ? ({ startWallMs }) => new Date(startWallMs).toISOString()
        : ({ startWallMs }) => formatTime(startWallMs, argument);
    case 'DYNAMIC_METADATA':
      return dynamicMetadata(argument ?? '');
    case 'CLUSTER_METADATA':
    case 'UPSTREAM_METADATA':
    case 'FILTER_STATE':
    case 'ENVIRONMENT':
      return () => undefined;
    default:
      return plain[name];
  }
}

const command = /%([A-Z0-9_]+)(?:\((.*?)\))?(?::(\d+))?%/g;

/** A compiled format: constant texts and operators in turn. */
export interface Format {
  readonly parts: readonly (string | Operator)[];
  render(info: StreamInfo): string;
}

/** Compiles Envoy's format text; `%%` is a per cent sign. A command that does not exist is a problem. */
export function compileFormat(format: string): Result<Format> {
  const parts: (string | Operator)[] = [];
  let literal = '';
  let at = 0;
  while (at < format.length) {
    if (format[at] !== '%') {
      const next = format.indexOf('%', at);
      const stop = next < 0 ? format.length : next;
      literal += format.slice(at, stop);
      at = stop;
      continue;
    }
    if (format[at + 1] === '%') {
      literal += '%';
      at += 2;
      continue;
    }
    command.lastIndex = at;
    const found = command.exec(format);
    if (found === null || found.index !== at)
      return problem('', `"${format.slice(at, at + 30)}" is no command operator`);
    const [all, name = '', argument, length] = found;
    const operator = operatorOf(name, argument);
    if (operator === undefined) return problem('', `the command operator %${name}% is not known`);
    if (literal !== '') parts.push(literal);
    literal = '';
    const limit = length === undefined ? undefined : Number(length);
    parts.push(limit === undefined ? operator : (info) => String(operator(info) ?? '-').slice(0, limit));
    at += all.length;
  }
  if (literal !== '') parts.push(literal);
  return ok({ parts, render: (info) => renderParts(parts, info) });
}

function renderParts(parts: readonly (string | Operator)[], info: StreamInfo): string {
  let line = '';
  for (const part of parts) line += typeof part === 'string' ? part : (part(info) ?? '-');
  return line;
}
