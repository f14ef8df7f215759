import { levelWords, logLevelOf } from '../logging/level-words.ts';
import { ok, problem, problems, type LogLevel, type Problem, type Result } from '@lateen/core';
import type { DrainStrategy } from '../drain/drain-schedule.ts';
import type { FixedStatTag } from '../model/stats.ts';
import type { HotRestartOptions } from '../hot-restart/hot-restart.ts';
import {
  helpLines,
  parseOptions,
  wholeNumber,
  type OptionSpec,
  type ParsedOptions,
} from '../command-line/options.ts';

/** What Envoy's command line says. */
export interface ProxyOptions {
  readonly configPath: string | undefined;
  /** YAML or JSON that is merged over the file. */
  readonly configYaml: string | undefined;
  /** `validate`: check and exit; `init_only`: start up to being ready and exit. */
  readonly mode: 'serve' | 'validate' | 'init_only';
  readonly serviceNode: string | undefined;
  readonly serviceCluster: string | undefined;
  readonly serviceZone: string | undefined;
  readonly logLevel: LogLevel;
  /** Levels of single scopes. */
  readonly componentLogLevels: ReadonlyMap<string, LogLevel>;
  readonly logPath: string | undefined;
  readonly concurrency: number | undefined;
  readonly drainTimeMs: number;
  readonly drainStrategy: DrainStrategy;
  readonly adminAddressPath: string | undefined;
  /** As they were given; the first of a name holds. */
  readonly statTags: readonly FixedStatTag[];
  /** Folder in which accepted resources are kept for the next start. */
  readonly statePath: string | undefined;
  /** Undefined: disabled. */
  readonly hotRestart: HotRestartOptions | undefined;
  readonly hotRestartVersion: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

export const proxyOptionSpecs: readonly OptionSpec[] = [
  { name: 'config-path', short: 'c', value: 'FILE', help: 'Bootstrap of Envoy v3, JSON or YAML.' },
  { name: 'config-yaml', value: 'TEXT', help: 'Bootstrap in YAML on the command line; merged over -c.' },
  {
    name: 'mode',
    value: 'MODE',
    help: 'serve (default), validate: check the bootstrap and exit, or init_only: exit when ready.',
  },
  { name: 'service-node', value: 'ID', help: 'Node id; over the one in the bootstrap.' },
  { name: 'service-cluster', value: 'NAME', help: 'Node cluster; over the one in the bootstrap.' },
  { name: 'service-zone', value: 'ZONE', help: 'Zone of the node; over the one in the bootstrap.' },
  {
    name: 'log-level',
    short: 'l',
    value: 'LEVEL',
    help: 'trace, debug, info (default), warning, error, critical or off.',
  },
  { name: 'component-log-level', value: 'LIST', help: 'Levels of parts, as xds:debug,http:trace.' },
  { name: 'log-path', value: 'FILE', help: 'Write the log to a file instead of standard error.' },
  {
    name: 'concurrency',
    value: 'N',
    help: 'Threads that serve; 0 is one a core (default 1, since each costs some 15 MB).',
  },
  {
    name: 'drain-time-s',
    value: 'SECONDS',
    help: 'How long listeners that go, or are drained, take for it (default 600).',
  },
  {
    name: 'drain-strategy',
    value: 'NAME',
    help: 'gradual (default): more and more answers close their connection; immediate: all do.',
  },
  { name: 'admin-address-path', value: 'FILE', help: 'Write the address of the admin port to this file.' },
  {
    name: 'state-path',
    value: 'DIR',
    help: 'Keep what a control plane sent in this folder, to serve at once after a restart.',
  },
  {
    name: 'restart-epoch',
    value: 'N',
    help: 'Take over from the process of epoch N-1 with the same base id; 0 (default) for the first process.',
  },
  { name: 'base-id', value: 'N', help: 'Which processes follow one another in hot restarts (default 0).' },
  { name: 'use-dynamic-base-id', help: 'Take a base id that no process has.' },
  { name: 'base-id-path', value: 'FILE', help: 'Write the base id to this file.' },
  {
    name: 'parent-shutdown-time-s',
    value: 'SECONDS',
    help: 'When the process that was taken over from ends, at the latest (default 900).',
  },
  { name: 'disable-hot-restart', help: 'Neither take over nor be taken over from.' },
  { name: 'hot-restart-version', help: 'Print what processes must have in common to take over, and exit.' },
  {
    name: 'skip-hot-restart-on-no-parent',
    help: 'Start as the first process where there is none to take over from.',
  },
  { name: 'skip-hot-restart-parent-stats', help: 'Leave the statistics of the process before.' },
  {
    name: 'socket-path',
    value: 'PATH',
    help: 'Where processes meet for a hot restart: a file, or with @ an abstract name (default @lateen_hot_restart).',
  },
  { name: 'socket-mode', value: 'MODE', help: 'Permissions of that file, in octal (default 600).' },
  {
    name: 'stats-tag',
    value: 'TAG:VALUE',
    help: 'A label of all statistics, over one of the bootstrap; may be given several times.',
  },
  { name: 'version', help: 'Print the version.' },
  { name: 'help', short: 'h', help: 'Print this text.' },
  { name: 'allow-unknown-fields', help: 'Changes nothing: see --allow-unknown-static-fields.' },
  {
    name: 'allow-unknown-static-fields',
    help: 'Changes nothing: a field of the bootstrap that there is not is always refused, by its place.',
  },
  {
    name: 'reject-unknown-dynamic-fields',
    help: 'Changes nothing: what is not known is refused by its path, or listed as ignored with its reason.',
  },
  {
    name: 'ignore-unknown-dynamic-fields',
    help: 'Changes nothing: as above, where nothing is ignored without a reason.',
  },
  { name: 'bootstrap-version', value: 'N', help: 'Changes nothing: the version is 3.' },
  { name: 'cpuset-threads', help: 'Changes nothing: there is one thread.' },
  { name: 'enable-core-dump', help: "Changes nothing: the system's limits hold (ulimit -c)." },
  {
    name: 'enable-fine-grain-logging',
    help: 'Changes nothing: levels are set for parts, by --component-log-level.',
  },
  { name: 'enable-mutex-tracing', help: 'Changes nothing: there are no mutexes.' },
  {
    name: 'file-flush-interval-msec',
    value: 'MS',
    help: 'Changes nothing: access logs are written in batches, at once where nothing waits.',
  },
  {
    name: 'file-flush-min-size-kb',
    value: 'KB',
    help: 'Changes nothing: see --file-flush-interval-msec.',
  },
  {
    name: 'local-address-ip-version',
    value: 'v4|v6',
    help: 'Changes nothing: the own address is told by the environment.',
  },
  {
    name: 'log-format',
    value: 'FORMAT',
    help: 'Changes nothing: log lines have one form, time, level, part and text.',
  },
  { name: 'log-format-escaped', help: 'Changes nothing: see --log-format.' },
  { name: 'log-stacktrace-single-entry', help: 'Changes nothing: see --log-format.' },
  {
    name: 'skip-deprecated-logs',
    help: 'Changes nothing: what is deprecated is honoured, and not warned of.',
  },
];

export const proxyUsage = `lateen-proxy -c FILE [options]

Serves what an Envoy v3 bootstrap describes.

${helpLines(proxyOptionSpecs)}

Examples:
  lateen-proxy -c bootstrap.yaml
  lateen-proxy -c bootstrap.yaml --mode validate
  lateen-proxy -c base.json --config-yaml 'admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}'

Also: lateen-proxy proxy sidecar|router, lateen-proxy istio-iptables -h, lateen-proxy request GET /stats
`;

/** Reads `a:debug,b:info`, as `--component-log-level` and Istio's `--log_output_level` have it. */
export function parseScopeLevels(option: string, text: string): Result<ReadonlyMap<string, LogLevel>> {
  const result = new Map<string, LogLevel>();
  const wrong: Problem[] = [];
  for (const item of text.split(',')) {
    if (item.trim() === '') continue;
    const colon = item.lastIndexOf(':');
    const scope = colon < 0 ? 'default' : item.slice(0, colon).trim();
    const level = logLevelOf(item.slice(colon + 1).trim());
    if (level === undefined)
      wrong.push({ path: option, message: `"${item}" is not SCOPE:LEVEL, as xds:debug` });
    else result.set(scope, level);
  }
  return wrong.length > 0 ? problems(wrong) : ok(result);
}

/** Reads `TAG:VALUE` as Envoy does: letters and digits, and after the first colon anything but dots. */
function statTagOf(text: string): Result<FixedStatTag> {
  const [, name, value] = /^([a-zA-Z0-9]+):([^.]+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    const message = `"${text}" is not TAG:VALUE with letters and digits, and a value without dots`;
    return problem('--stats-tag', message);
  }
  return ok({ name, value });
}

function hotRestartOf(
  options: ParsedOptions,
  number: (name: string, min: number, max: number) => number | undefined,
  wrong: Problem[],
): HotRestartOptions {
  const baseId = number('base-id', 0, 0x7fff_ffff);
  const isDynamic = options.has('use-dynamic-base-id');
  if (isDynamic && baseId !== undefined) {
    wrong.push({ path: '--use-dynamic-base-id', message: 'excludes --base-id' });
  }
  const modeText = options.value('socket-mode') ?? '600';
  if (!/^[0-7]{1,4}$/.test(modeText)) {
    wrong.push({ path: '--socket-mode', message: `"${modeText}" is not a mode in octal, as 600` });
  }
  return {
    baseId: isDynamic ? 'dynamic' : baseId,
    baseIdPath: options.value('base-id-path'),
    epoch: number('restart-epoch', 0, 0x7fff_ffff) ?? 0,
    socketPath: options.value('socket-path') ?? '@lateen_hot_restart',
    socketMode: Number.parseInt(modeText, 8),
    parentShutdownMs: (number('parent-shutdown-time-s', 0, 86_400) ?? 900) * 1_000,
    skipOnNoParent: options.has('skip-hot-restart-on-no-parent'),
    skipParentStats: options.has('skip-hot-restart-parent-stats'),
  };
}

/** Reads Envoy's command line; all problems at once. */
export function parseProxyOptions(args: readonly string[]): Result<ProxyOptions> {
  const parsed = parseOptions(args, proxyOptionSpecs);
  if (!parsed.ok) return parsed;
  const options = parsed.value;
  const wrong: Problem[] = options.words.map((word) => ({ path: word, message: 'is not an option' }));
  const number = (name: string, min: number, max: number): number | undefined => {
    const text = options.value(name);
    if (text === undefined) return undefined;
    const value = wholeNumber(`--${name}`, text, min, max);
    if (value.ok) return value.value;
    wrong.push(...value.problems);
    return undefined;
  };
  const mode = options.value('mode') ?? 'serve';
  if (mode !== 'serve' && mode !== 'validate' && mode !== 'init_only') {
    wrong.push({ path: '--mode', message: `"${mode}" is not serve, validate or init_only` });
  }
  const drainStrategy = options.value('drain-strategy') ?? 'gradual';
  if (drainStrategy !== 'gradual' && drainStrategy !== 'immediate') {
    wrong.push({ path: '--drain-strategy', message: `"${drainStrategy}" is not gradual or immediate` });
  }
  const levelText = options.value('log-level') ?? 'info';
  const logLevel = logLevelOf(levelText);
  if (logLevel === undefined) {
    wrong.push({
      path: '-l/--log-level',
      message: `"${levelText}" is not one of ${levelWords.join(', ')}`,
    });
  }
  const scopes = parseScopeLevels('--component-log-level', options.value('component-log-level') ?? '');
  if (!scopes.ok) wrong.push(...scopes.problems);
  const statTags = options.values('stats-tag').flatMap((text) => {
    const tag = statTagOf(text);
    if (tag.ok) return [tag.value];
    wrong.push(...tag.problems);
    return [];
  });
  const value: ProxyOptions = {
    configPath: options.value('config-path'),
    configYaml: options.value('config-yaml'),
    mode: mode as ProxyOptions['mode'],
    serviceNode: options.value('service-node'),
    serviceCluster: options.value('service-cluster'),
    serviceZone: options.value('service-zone'),
    logLevel: logLevel ?? 'info',
    componentLogLevels: scopes.ok ? scopes.value : new Map(),
    logPath: options.value('log-path'),
    concurrency: number('concurrency', 0, 64),
    drainStrategy: drainStrategy as DrainStrategy,
    drainTimeMs: (number('drain-time-s', 0, 86_400) ?? 600) * 1_000,
    adminAddressPath: options.value('admin-address-path'),
    statePath: options.value('state-path'),
    statTags,
    hotRestart: options.has('disable-hot-restart') ? undefined : hotRestartOf(options, number, wrong),
    hotRestartVersion: options.has('hot-restart-version'),
    help: options.has('help'),
    version: options.has('version'),
  };
  if (
    !value.help &&
    !value.version &&
    !value.hotRestartVersion &&
    value.configPath === undefined &&
    value.configYaml === undefined
  ) {
    wrong.push({ path: '-c/--config-path', message: 'a bootstrap is needed: -c FILE or --config-yaml TEXT' });
  }
  return wrong.length > 0 ? problems(wrong) : ok(value);
}
