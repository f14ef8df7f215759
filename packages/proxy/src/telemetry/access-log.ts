import { createWriteStream, type WriteStream } from 'node:fs';
import process from 'node:process';
import { ok, problems, systemClock, type Clock, type Problem, type Result, type Timer } from '@lateen/core';
import { names } from '../codec/header-name.ts';
import { compileHeaderMatch } from '../decide/header-match.ts';
import type { AccessLog, AccessLogFilter, AccessLogFormat } from '../model/access-log.ts';
import type { JsonValue } from '../model/metadata.ts';
import { compileFormat, defaultAccessLogFormat, type Format } from './format.ts';
import { formatFlags } from './response-flags.ts';
import type { StreamInfo } from './stream-info.ts';

/** Takes whole lines for a sink: `stdout`, `stderr`, or the path of a file. */
export type LogWriter = (sink: string, text: string) => void;

/** An access log ready to write. */
export interface CompiledAccessLog {
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
      const wanted = filter.flags;
      return ({ flags }) =>
        flags !== 0 &&
        (wanted.length === 0 ||
          formatFlags(flags)
            .split(',')
            .some((f) => wanted.includes(f)));
    }
    case 'runtime': {
      const { fraction } = filter;
      return () => Math.random() * fraction.denominator < fraction.numerator;
    }
    case 'not_health_check':
      return ({ request }) => request?.headers.get(names.userAgent)?.startsWith('kube-probe/') !== true;
    case 'traceable':
      return () => true;
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

type JsonMaker = (info: StreamInfo) => JsonValue | undefined;

/** A string that is one operator keeps its type; others become text. */
function compileJson(value: JsonValue, omitEmpty: boolean, path: string, bad: Problem[]): JsonMaker {
  if (typeof value === 'string') {
    const format = compileFormat(value);
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
    const make = compileJson(format.json, format.omitEmpty, 'jsonFormat', bad);
    return (info) => `${JSON.stringify(make(info))}\n`;
  }
  const compiled: Result<Format> = compileFormat(format.text);
  if (compiled.ok) return (info) => compiled.value.render(info);
  bad.push(...compiled.problems);
  return () => '';
}

/** Compiles an access log; problems name the command operators that are not known. */
export function compileAccessLog(log: AccessLog, write: LogWriter): Result<CompiledAccessLog> {
  const bad: Problem[] = [];
  const render = compileLogFormat(log.format ?? { kind: 'text', text: defaultAccessLogFormat }, bad);
  if (bad.length > 0) return problems(bad);
  const test = log.filter === undefined ? undefined : compileLogFilter(log.filter);
  const sink = log.sink.kind === 'file' ? log.sink.path : log.sink.kind;
  return ok({
    log(info) {
      if (test === undefined || test(info))
        write(sink === '/dev/stdout' ? 'stdout' : sink === '/dev/stderr' ? 'stderr' : sink, render(info));
    },
  });
}

const flushMs = 100;
const flushBytes = 64 * 1024;

/** Writes log lines in batches, so that a line costs no system call of its own. */
export class LogFiles {
  readonly #clock: Clock;
  readonly #pending = new Map<string, string>();
  readonly #files = new Map<string, WriteStream>();
  #timer: Timer | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  readonly write: LogWriter = (sink, text) => {
    const all = (this.#pending.get(sink) ?? '') + text;
    this.#pending.set(sink, all);
    if (all.length > flushBytes) this.flush();
    else this.#timer ??= this.#clock.after(flushMs, () => this.flush());
  };

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const [sink, text] of this.#pending) this.#streamOf(sink).write(text);
    this.#pending.clear();
  }

  /** Writes what is left; resolves when the files are closed. */
  async close(): Promise<void> {
    this.flush();
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(files.map((file) => new Promise<void>((resolve) => file.end(() => resolve()))));
  }

  #streamOf(sink: string): NodeJS.WritableStream {
    if (sink === 'stdout') return process.stdout;
    if (sink === 'stderr') return process.stderr;
    let file = this.#files.get(sink);
    if (file === undefined) {
      file = createWriteStream(sink, { flags: 'a' });
      file.on('error', () => this.#files.delete(sink));
      this.#files.set(sink, file);
    }
    return file;
  }
}
