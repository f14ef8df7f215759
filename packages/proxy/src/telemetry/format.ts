import { ok, problem, type Result } from '@lateen/core';
import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import { headerReader } from '../decide/header-match.ts';
import { processEnv } from '../env.ts';
import { celOperator } from './cel-operator.ts';
import { durationOperator } from './duration-operator.ts';
import { nonEmpty, type Operator } from './format-operator.ts';
import { formatTime } from './format-time.ts';
import { maskedAddress } from './masked-address.ts';
import { metadataOperator } from './metadata-operators.ts';
import { pathOperator } from './path-operator.ts';
import type { StreamInfo } from './stream-info.ts';
import { grpcStatusOperator, streamOperators } from './stream-operators.ts';

/** Envoy's line where an access log has no format of its own. */
export const defaultAccessLogFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

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

type TextReader = (info: StreamInfo) => string | undefined;

/** The first that is there. */
function firstOf(readers: readonly TextReader[]): Operator {
  return (info) => {
    for (const read of readers) {
      const value = read(info);
      if (value !== undefined) return value;
    }
    return undefined;
  };
}

function blockReader(text: string, block: (info: StreamInfo) => HeaderBlock | undefined): TextReader {
  const name = headerName(text);
  return (info) => block(info)?.get(name);
}

function statusText({ response }: StreamInfo): string | undefined {
  return response === undefined ? undefined : String(response.status);
}

function responseReader(name: string): TextReader {
  return name.toLowerCase() === ':status' ? statusText : blockReader(name, (info) => info.response?.headers);
}

/** The path without its query, of the first header that is there. */
function withoutQuery(argument: string): Operator {
  const read = requestHeader(argument);
  return (info) => {
    const value = read(info);
    return typeof value === 'string' ? value.split('?', 1)[0] : value;
  };
}

function queryParameter(name: string): Operator {
  return ({ request }) => {
    const query = request?.path.indexOf('?') ?? -1;
    if (request === undefined || query < 0) return undefined;
    return new URLSearchParams(request.path.slice(query + 1)).get(name) ?? undefined;
  };
}

type TimeOf = (info: StreamInfo) => number;
const startTime: TimeOf = (info) => info.startWallMs;
const emitTime: TimeOf = (info) => info.startWallMs + info.durationMs;

function timeOperator(argument: string | undefined, at: TimeOf): Operator {
  return argument === undefined || argument === ''
    ? (info) => new Date(at(info)).toISOString()
    : (info) => formatTime(at(info), argument);
}

/** The same in the time zone of the process. */
function localTimeOperator(argument: string | undefined, at: TimeOf): Operator {
  const format = argument === undefined || argument === '' ? '%Y-%m-%dT%H:%M:%S.%3f%z' : argument;
  return (info) => formatTime(at(info), format, -new Date(at(info)).getTimezoneOffset());
}

/** The operator of `NAME(argument):length`; undefined for names that nobody knows, a problem for arguments that are none. */
function operatorOf(name: string, argument: string | undefined): Operator | Result<Operator> | undefined {
  switch (name) {
    case 'CEL':
      return celOperator(argument ?? '');
    case 'COMMON_DURATION':
      return durationOperator(argument ?? '');
    case 'PATH':
      return pathOperator(argument ?? '');
    case 'START_TIME_LOCAL':
      return localTimeOperator(argument, startTime);
    case 'EMIT_TIME_LOCAL':
      return localTimeOperator(argument, emitTime);
    case 'REQ':
    case 'REQUEST_HEADER':
      return requestHeader(argument ?? '');
    case 'REQ_WITHOUT_QUERY':
      return withoutQuery(argument ?? '');
    case 'QUERY_PARAM':
      return queryParameter(argument ?? '');
    case 'RESP':
    case 'RESPONSE_HEADER':
      return firstOf(alternatives(argument ?? '').map(responseReader));
    case 'TRAILER':
    case 'RESPONSE_TRAILER':
      return firstOf(
        alternatives(argument ?? '').map((name) => blockReader(name, (info) => info.responseTrailers)),
      );
    case 'START_TIME':
      return timeOperator(argument, startTime);
    case 'EMIT_TIME':
      return timeOperator(argument, emitTime);
    case 'GRPC_STATUS':
      return grpcStatusOperator(argument);
    case 'ENVIRONMENT': {
      const value = processEnv()[argument ?? ''] ?? '-';
      return () => value;
    }
    case 'FILTER_STATE':
    case 'UPSTREAM_FILTER_STATE':
      return () => undefined;
    case 'RESPONSE_CODE_DETAILS':
      return argument === 'ALLOW_WHITESPACES' ? ({ details }) => nonEmpty(details) : streamOperators[name];
    default: {
      const known = streamOperators[name];
      if (known !== undefined && argument !== undefined && name.endsWith('_ADDRESS_WITHOUT_PORT'))
        return maskedAddress(name, known, argument);
      return known ?? metadataOperator(name, argument ?? '');
    }
  }
}

/** Those that say nothing without the name of what they are to read. */
const readers = new Set([
  'REQ',
  'REQUEST_HEADER',
  'RESP',
  'RESPONSE_HEADER',
  'TRAILER',
  'RESPONSE_TRAILER',
  'QUERY_PARAM',
  'ENVIRONMENT',
  'DYNAMIC_METADATA',
  'CLUSTER_METADATA',
  'UPSTREAM_METADATA',
  'FILTER_STATE',
  'UPSTREAM_FILTER_STATE',
]);

/** What of the others takes an argument or a length. */
const takesArgument = /_WITHOUT_PORT$|_(?:PEER|LOCAL|TLS)_|^RESPONSE_CODE_DETAILS$/;

/** What is wrong with how a command is written, by what Envoy asks of each. */
function misuseOf(
  name: string,
  argument: string | undefined,
  length: string | undefined,
): string | undefined {
  if (readers.has(name)) return (argument ?? '') === '' ? `needs a parameter, as %${name}(x)%` : undefined;
  const bare = name in streamOperators && !takesArgument.test(name);
  return bare && (argument ?? length) !== undefined ? 'takes no parameter and no length' : undefined;
}

const command = /%([A-Z0-9_]+)(?:\((.*?)\))?(?::(\d+))?%/g;

/** A compiled format: constant texts and operators in turn. */
export interface Format {
  readonly parts: readonly (string | Operator)[];
  render(info: StreamInfo): string;
}

/**
 * Compiles Envoy's format text; `%%` is a per cent sign. A command that does not exist is a problem. `missing` stands
 * where a command has nothing to say.
 */
export function compileFormat(format: string, missing = '-'): Result<Format> {
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
    const misuse = misuseOf(name, argument, length);
    if (misuse !== undefined) return problem('', `%${name}% ${misuse}`);
    const known = operatorOf(name, argument);
    if (typeof known === 'object' && !known.ok) return known;
    const operator = typeof known === 'object' ? known.value : known;
    if (operator === undefined) return problem('', `the command operator %${name}% is not known`);
    if (literal !== '') parts.push(literal);
    literal = '';
    const limit = length === undefined ? undefined : Number(length);
    parts.push(limit === undefined ? operator : shortened(operator, limit));
    at += all.length;
  }
  if (literal !== '') parts.push(literal);
  return ok({ parts, render: (info) => renderParts(parts, info, missing) });
}

function shortened(operator: Operator, length: number): Operator {
  return (info) => {
    const value = operator(info);
    return value === undefined ? undefined : String(value).slice(0, length);
  };
}

function renderParts(parts: readonly (string | Operator)[], info: StreamInfo, missing: string): string {
  let line = '';
  for (const part of parts) line += typeof part === 'string' ? part : (part(info) ?? missing);
  return line;
}
