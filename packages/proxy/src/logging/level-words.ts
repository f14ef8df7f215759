import { logLevels, type LogLevel } from '@lateen/core';

const levels: Readonly<Record<string, LogLevel>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  critical: 'error',
  off: 'off',
  none: 'off',
};

/** The words that there are for levels: Envoy's and Istio's. */
export const levelWords: readonly string[] = Object.keys(levels);

/** The level of one of the words, in any case; undefined for another word. */
export function logLevelOf(word: string): LogLevel | undefined {
  const known = word.toLowerCase();
  return Object.hasOwn(levels, known) ? levels[known] : undefined;
}

/** Envoy's word for a level. */
export function envoyLevel(level: LogLevel): string {
  return level === 'warn' ? 'warning' : logLevels.includes(level) ? level : 'info';
}
