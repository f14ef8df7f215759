import { systemClock, type Clock } from './clock.ts';

/** From the quietest to the most talkative. */
export const logLevels = ['off', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Facts that belong to a line; printed as `key=value`. Never secrets. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where a part writes what it does; each part is given its own, named for its scope. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  trace(message: string, fields?: LogFields): void;
  /** True where a line of this level would be written: ask before building an expensive one. */
  enabled(level: LogLevel): boolean;
  /** A logger of a narrower scope, as in `xds` -> `xds:lds`. */
  scope(name: string): Logger;
}

/** Lines `time<TAB>level<TAB>scope<TAB>message<TAB>key=value …`, as Istio's programs write them. */
export interface LineLoggerOptions {
  /** Takes one whole line without its end. */
  readonly write: (line: string) => void;
  /** Default `info`; read at each call, so that it can be changed while running. */
  readonly level?: LogLevel | ((scope: string) => LogLevel);
  readonly scope?: string;
  readonly clock?: Clock;
}

function formatFields(fields: LogFields | undefined): string {
  if (fields === undefined) return '';
  let text = '';
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const plain = String(value);
    text += `\t${key}=${/[\s"=]/.test(plain) ? JSON.stringify(plain) : plain}`;
  }
  return text;
}

/** A logger that writes lines. */
export function lineLogger(options: LineLoggerOptions): Logger {
  const scope = options.scope ?? 'default';
  const clock = options.clock ?? systemClock;
  const level = (): LogLevel =>
    typeof options.level === 'function' ? options.level(scope) : (options.level ?? 'info');
  const enabled = (wanted: LogLevel): boolean => logLevels.indexOf(wanted) <= logLevels.indexOf(level());
  const at =
    (lineLevel: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (!enabled(lineLevel)) return;
      const time = new Date(clock.now()).toISOString();
      options.write(`${time}\t${lineLevel}\t${scope}\t${message}${formatFields(fields)}`);
    };
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    trace: at('trace'),
    enabled,
    scope: (name) => lineLogger({ ...options, scope: scope === 'default' ? name : `${scope}:${name}` }),
  };
}

/** Writes nothing. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  trace() {},
  enabled: () => false,
  scope: () => silentLogger,
};
