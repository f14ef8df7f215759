import type { LogLevel } from '@lateen/core';
import { envoyLevel } from './level-words.ts';

/** Levels of the log, by scope; changed while running by `/logging`. */
export class LogLevels {
  /** Told of each change; without a scope it is of everything. */
  onSet: ((scope: string | undefined, level: LogLevel) => void) | undefined;
  #base: LogLevel;
  readonly #scopes: Map<string, LogLevel>;
  /** What {@link level} has found: it is asked for each line that may be written. */
  readonly #found = new Map<string, LogLevel>();

  constructor(base: LogLevel, scopes: ReadonlyMap<string, LogLevel> = new Map()) {
    this.#base = base;
    this.#scopes = new Map(scopes);
  }

  /**
   * The level of a scope: its own, else that of the scope around it (`xds` for `main:xds:lds`), else the base. The
   * program at the start of a scope is only meant where it stands alone: `main` says nothing of `main:xds`.
   */
  level(scope: string): LogLevel {
    let level = this.#found.get(scope);
    if (level === undefined) {
      level = this.#find(scope.replace(/^(?:main|agent):/, '').split(':'));
      this.#found.set(scope, level);
    }
    return level;
  }

  #find(parts: readonly string[]): LogLevel {
    if (parts.length === 0) return this.#base;
    const own = this.#scopes.get(parts.join(':')) ?? this.#scopes.get(parts.at(-1) ?? '');
    return own ?? this.#find(parts.slice(0, -1));
  }

  /** Sets the level of everything. */
  setAll(level: LogLevel): void {
    this.#base = level;
    this.#scopes.clear();
    this.#found.clear();
    this.onSet?.(undefined, level);
  }

  set(scope: string, level: LogLevel): void {
    this.#scopes.set(scope, level);
    this.#found.clear();
    this.onSet?.(scope, level);
  }

  /** Everything that is set, the base first. */
  all(): readonly (readonly [scope: string | undefined, level: LogLevel])[] {
    return [[undefined, this.#base], ...this.#scopes];
  }

  /** Lines `scope: level` as Envoy lists its loggers. */
  describe(): string {
    const lines = scopes.map((scope) => `  ${scope}: ${envoyLevel(this.level(scope))}`);
    return `active loggers:\n${lines.join('\n')}\n`;
  }
}

/** Scopes that the proxy logs under. */
const ownScopes = [
  'admin',
  'agent',
  'config',
  'data',
  'main',
  'overload',
  'rbac',
  'runtime',
  'workers',
  'xds',
];

/** Envoy's loggers that nothing is logged under here: tools set their levels, and shall not fail by that. */
const envoyScopes =
  'assert aws backtrace cache_filter client connection conn_handler decompression dns dynamic_forward_proxy ext_authz ' +
  'ext_proc file filter forward_proxy grpc hc health_checker http http2 init io jwt lua matcher misc mongo pool rds ' +
  'redis router secret stats tap tracing udp upstream wasm websocket';

export const scopes: readonly string[] = [...ownScopes, ...envoyScopes.split(' ')].sort();
