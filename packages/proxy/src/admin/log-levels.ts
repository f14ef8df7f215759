import { logLevels, type LogLevel } from '@lateen/core';

/** Levels of the log, by scope; changed while running by `/logging`. */
export class LogLevels {
  /** Told of each change; without a scope it is of everything. */
  onSet: ((scope: string | undefined, level: LogLevel) => void) | undefined;
  #base: LogLevel;
  readonly #scopes: Map<string, LogLevel>;

  constructor(base: LogLevel, scopes: ReadonlyMap<string, LogLevel> = new Map()) {
    this.#base = base;
    this.#scopes = new Map(scopes);
  }

  /** The level of a scope: its own, else that of the scope around it (`xds` for `xds:lds`), else the base. */
  level(scope: string): LogLevel {
    for (let name = scope; ; name = name.slice(0, name.lastIndexOf(':'))) {
      const own = this.#scopes.get(name);
      if (own !== undefined) return own;
      if (!name.includes(':')) return this.#base;
    }
  }

  /** Sets the level of everything. */
  setAll(level: LogLevel): void {
    this.#base = level;
    this.#scopes.clear();
    this.onSet?.(undefined, level);
  }

  set(scope: string, level: LogLevel): void {
    this.#scopes.set(scope, level);
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
export const scopes = ['admin', 'agent', 'config', 'data', 'main', 'xds'] as const;

/** Envoy's word for a level. */
export function envoyLevel(level: LogLevel): string {
  return level === 'warn' ? 'warning' : logLevels.includes(level) ? level : 'info';
}
