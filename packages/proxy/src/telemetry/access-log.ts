import { closeSync, openSync } from 'node:fs';
import { messageOf, ok, problems, type Problem, type Result } from '@lateen/core';
import { names } from '../codec/header-name.ts';
import { compileHeaderMatch } from '../decide/header-match.ts';
import { metadataValue } from '../decide/metadata-value.ts';
import { compileValueMatch } from '../decide/value-match.ts';
import { reasonOfId } from '../decide/trace-decision.ts';
import type { AccessLog, AccessLogFilter, AccessLogFormat, RemoteLogSink } from '../model/access-log.ts';
import type { JsonValue } from '../model/metadata.ts';
import { asksBytes } from './byte-operators.ts';
import { celRoots } from './cel/cel-attributes.ts';
import { compileCel } from './cel/cel-evaluation.ts';
import { compileFormat, defaultAccessLogFormat, type Format } from './format.ts';
import { grpcStatusOf, grpcStatusOfHttp } from './grpc-status.ts';
import type { LogWriter } from './log-files.ts';
import type { RemoteLogs } from './remote-log/remote-logs.ts';
import { flagTest } from './response-flags.ts';
import { logTypeOf, type StreamInfo } from './stream-info.ts';

/** An access log ready to write. */
export interface CompiledAccessLog {
  /** Lines tell bytes on the wires: they must be counted. */
  readonly asksBytes: boolean;
  log(info: StreamInfo): void;
}

type InfoTest = (info: StreamInfo) => boolean;

function compare(op: 'eq' | 'ge' | 'le' | 'ne', value: number): (n: number) => boolean {
  switch (op) {
    case 'eq':
      return (n) => n === value;
    case 'ne':
      return (n) => n !== value;
    case 'ge':
      return (n) => n >= value;
    default:
      return (n) => n <= value;
  }
}

/** Compiles a condition on a request. */
export function compileLogFilter(filter: AccessLogFilter): InfoTest {
  switch (filter.kind) {
    case 'status': {
      const test = compare(filter.op, filter.value);
      return (info) => test(info.status);
    }
    case 'duration': {
      const test = compare(filter.op, filter.valueMs);
      return (info) => test(info.durationMs);
    }
    case 'header': {
      const test = compileHeaderMatch(filter.header);
      return ({ request }) => request !== undefined && test(request);
    }
    case 'response_flags': {
      const test = flagTest(filter.flags);
      return ({ flags }) => test(flags);
    }
    case 'runtime': {
      const { fraction } = filter;
      return () => Math.random() * fraction.denominator < fraction.numerator;
    }
    case 'not_health_check':
      return ({ request, healthCheck }) =>
        healthCheck !== true && request?.headers.get(names.userAgent)?.startsWith('kube-probe/') !== true;
    case 'traceable':
      return ({ request }) => reasonOfId(request?.headers.get(names.requestId) ?? '') !== 'not_traceable';
    case 'grpc_status': {
      const { exclude } = filter;
      const wanted = new Set(filter.statuses);
      // As Envoy: what has no status of gRPC is taken by that of HTTP.
      return (info) => {
        const status = grpcStatusOf(info) ?? (info.status === 200 ? 0 : grpcStatusOfHttp(info.status));
        return wanted.has(status) !== exclude;
      };
    }
    case 'log_type': {
      const { exclude } = filter;
      const wanted = new Set(filter.types);
      return (info) => wanted.has(logTypeOf(info)) !== exclude;
    }
    case 'metadata': {
      const test = compileValueMatch(filter.match);
      return ({ dynamicMetadata }) => {
        const value = metadataValue(dynamicMetadata, filter.namespace, filter.path);
        return value === undefined ? filter.matchIfMissing : test(value) !== filter.invert;
      };
    }
    case 'expression': {
      const program = compileCel(filter.text, celRoots);
      return (info) => program({ info, peers: undefined, node: undefined }) === true;
    }
    case 'and': {
      const tests = filter.filters.map(compileLogFilter);
      return (info) => tests.every((test) => test(info));
    }
    default: {
      const tests = filter.filters.map(compileLogFilter);
      return (info) => tests.some((test) => test(info));
    }
  }
}

/** What stands in a text where there is nothing to say. */
function missingText(omitEmpty: boolean): string {
  return omitEmpty ? '' : '-';
}

/** Makes a value of what is known of a request. */
export type JsonMaker = (info: StreamInfo) => JsonValue | undefined;

/** Compiles a value whose strings hold command operators. A string that is one operator keeps its type; others become text. */
export function compileJson(value: JsonValue, omitEmpty: boolean, path: string, bad: Problem[]): JsonMaker {
  if (typeof value === 'string') {
    const format = compileFormat(value, missingText(omitEmpty));
    if (!format.ok) {
      bad.push(...format.problems.map((p) => ({ ...p, path })));
      return () => undefined;
    }
    const { parts } = format.value;
    const [only] = parts;
    if (parts.length === 1 && typeof only === 'function')
      return (info) => only(info) ?? (omitEmpty ? undefined : null);
    return (info) => format.value.render(info);
  }
  if (Array.isArray(value)) {
    const makers = value.map((v: JsonValue, i) => compileJson(v, omitEmpty, `${path}[${i}]`, bad));
    return (info) => makers.map((make) => make(info) ?? null);
  }
  if (typeof value === 'object' && value !== null) {
    const makers = Object.entries(value).map(
      ([k, v]) => [k, compileJson(v, omitEmpty, `${path}.${k}`, bad)] as const,
    );
    return (info) => {
      const object: Record<string, JsonValue> = {};
      for (const [key, make] of makers) {
        const made = make(info);
        if (made !== undefined) object[key] = made;
      }
      return object;
    };
  }
  return () => value;
}

/** Compiles what is written of a request; unknown command operators go to `bad`. */
export function compileLogFormat(format: AccessLogFormat, bad: Problem[]): (info: StreamInfo) => string {
  if (format.kind === 'json') {
    const make = compileJson(format.json, format.omitEmpty, 'json_format', bad);
    return (info) => `${JSON.stringify(make(info))}\n`;
  }
  const compiled: Result<Format> = compileFormat(format.text, missingText(format.omitEmpty ?? false));
  if (compiled.ok) return (info) => compiled.value.render(info);
  bad.push(...compiled.problems);
  return () => '';
}

/** Where access logs go. */
export interface LogSinks {
  readonly writeLog: LogWriter;
  /** There where a listener tells a service. */
  readonly remoteLogs: RemoteLogs | undefined;
}

const defaultFormat: AccessLogFormat = { kind: 'text', text: defaultAccessLogFormat };

/** Compiles an access log; problems name the command operators that are not known. */
export function compileAccessLog(log: AccessLog, sinks: LogSinks): Result<CompiledAccessLog> {
  const bad: Problem[] = [];
  const test = log.filter === undefined ? undefined : compileLogFilter(log.filter);
  if (log.sink.kind === 'grpc' || log.sink.kind === 'open_telemetry') {
    if (sinks.remoteLogs === undefined) throw new Error('the code of loggers by gRPC is not loaded');
    const tell = sinks.remoteLogs.logger(log.sink, bad);
    if (bad.length > 0) return problems(bad);
    return ok({
      asksBytes: asksBytes(log),
      log(info) {
        if (test === undefined || test(info)) tell(info);
      },
    });
  }
  const inFormat: Problem[] = [];
  const render = compileLogFormat(log.format ?? defaultFormat, inFormat);
  bad.push(...inFormat.map((one) => ({ ...one, path: below('log_format', one.path) })));
  const write = sinks.writeLog;
  const sink = writerSinkOf(log.sink);
  if (log.sink.kind === 'file' && sink === log.sink.path) checkFile(sink, bad);
  if (bad.length > 0) return problems(bad);
  return ok({
    asksBytes: asksBytes(log),
    log(info) {
      if (test === undefined || test(info)) write(sink, render(info));
    },
  });
}

function below(path: string, inner: string): string {
  return inner === '' ? path : `${path}.${inner}`;
}

/** As Envoy, which opens the file with its listener: nobody would hear of lines that are lost. */
function checkFile(path: string, bad: Problem[]): void {
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    bad.push({ path: 'path', message: `cannot be opened: ${messageOf(error)}` });
  }
}

function writerSinkOf(sink: Exclude<AccessLog['sink'], RemoteLogSink>): string {
  if (sink.kind !== 'file') return sink.kind;
  if (sink.path === '/dev/stdout') return 'stdout';
  return sink.path === '/dev/stderr' ? 'stderr' : sink.path;
}
