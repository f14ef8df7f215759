import type { LogLevel } from '@lateen/core';
import { scopes, type LogLevels } from '../logging/log-levels.ts';
import { logLevelOf } from '../logging/level-words.ts';
import { text, type AdminRoute } from './admin-request.ts';

const usage = `
usage: /logging?<name>=<level> (change single level)
usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)
usage: /logging?level=<level> (change all levels)
levels: trace debug info warning error critical off
`;

type Change = readonly [scope: string | undefined, level: LogLevel];

/** The changes that are asked for, or what is wrong with them; the words of problems are Envoy's. */
function changesOf(query: URLSearchParams): readonly Change[] | string {
  if (query.size > 1) return 'invalid number of parameters';
  const changes: Change[] = [];
  for (const [name, value] of query) {
    const pairs =
      name === 'paths'
        ? value === ''
          ? []
          : value.split(',').map((pair) => pair.split(':'))
        : [[name, value] as const];
    for (const [scope = '', word = ''] of pairs) {
      const level = logLevelOf(word);
      if (level === undefined) return 'unknown logger level';
      const all = name === 'level';
      if (!all && !scopes.includes(scope.split(':')[0] ?? '')) return 'unknown logger name';
      changes.push([all ? undefined : scope, level]);
    }
  }
  return changes;
}

/** `/logging`: shows the levels of the log, and changes them. */
export function loggingRoute(levels: LogLevels): AdminRoute {
  return {
    path: '/logging',
    help: 'query/change logging levels',
    parameters: {
      paths: 'several loggers, as xds:debug,rbac:trace',
      level: 'the level of all loggers: trace, debug, info, warning, error, critical or off',
      NAME: 'the level of one logger',
    },
    mutates: true,
    handle({ query }) {
      const changes = changesOf(query);
      if (typeof changes === 'string') return text(`error: ${changes}\n${usage}${levels.describe()}`, 400);
      for (const [scope, level] of changes) {
        if (scope === undefined) levels.setAll(level);
        else levels.set(scope, level);
      }
      return text(levels.describe());
    },
  };
}
