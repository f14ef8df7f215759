import type { Clock, LogLevel } from '@lateen/core';
import { logLevelOf } from '../logging/level-words.ts';
import type { RunningProxy } from '../bootstrap/running-proxy.ts';
import { regexOf, wrongRegex } from './query-regex.ts';
import type { DrainRequest } from '../drain/drain-listeners.ts';
import { formatAddress, type Address, type ClusterStatus, type StatsView } from '../model/index.ts';
import { done, json, text, type AdminRequest, type AdminResponse, type AdminRoute } from './admin-request.ts';
import { absentRoutes } from './absent-routes.ts';
import { certificatesJson } from './certificates.ts';
import { clustersJson, clustersText } from './cluster-status.ts';
import { applyMask, dumpConfig, pickResource, type DumpPart } from './config-dump.ts';
import { profilerRoutes } from './profiler-routes.ts';
import { runtimeRoutes } from './runtime-routes.ts';
import { scopes, type LogLevels } from '../logging/log-levels.ts';
import { serverInfoJson, type ServerState } from './server-info.ts';
import { HistogramIntervals } from '../telemetry/histogram-intervals.ts';
import { prometheusAnswer, statsAnswer, statsChoices } from './stats.ts';

/** What the admin port shows and changes. */
export interface AdminContext {
  readonly proxy: RunningProxy;
  readonly clock: Clock;
  readonly logLevels: LogLevels;
  readonly configPath: string | undefined;
  readonly drainTimeMs: number;
  state(): ServerState;
  /** Fails or passes the health check by hand. */
  setHealthy(healthy: boolean): void;
  /** Lets go of listeners, as `/drain_listeners` asks. */
  drain(request: DrainRequest): void;
  quit(): void;
  /** The statistics of this process, and of the one that it took over from. */
  stats(): Promise<StatsView>;
  resetCounters(): void;
  /** The clusters, with what their endpoints have carried for all workers. */
  clusters(): Promise<readonly ClusterStatus[]>;
  reopenLogs(): void;
  /** Threads that serve. */
  readonly concurrency: number;
  /** Undefined where hot restart is off. */
  readonly hotRestart: { readonly version: string; readonly epoch: number } | undefined;
}

/** The paths of the admin port, with Envoy's names and shapes. */
export function adminRoutes(context: AdminContext): readonly AdminRoute[] {
  const { proxy, logLevels } = context;
  const { flushIntervalMs } = proxy.bootstrap.stats;
  const intervals = new HistogramIntervals(context.clock, flushIntervalMs, async () =>
    (await context.stats()).histogramStates(),
  );
  /** The statistics that are shown; sinks that have no interval are told of them before. */
  async function flushed(): Promise<StatsView> {
    if (flushIntervalMs === undefined) await Promise.all([proxy.dataPlane.flushStats(), intervals.end()]);
    return context.stats();
  }
  const isDynamic = (name: string): boolean => proxy.store.kind('cluster').resources.has(name);

  return [
    ...absentRoutes(),
    {
      path: '/certs',
      help: 'print certs on machine',
      handle() {
        const listeners = proxy.dataPlane.listeners().map(({ listener }) => listener);
        const clusters = proxy.dataPlane.clusters().map(({ cluster }) => cluster);
        return json(certificatesJson(proxy.secrets(), listeners, clusters, context.clock.now()));
      },
    },
    {
      path: '/clusters',
      help: 'upstream cluster status (?format=json)',
      async handle({ query }) {
        const clusters = await context.clusters();
        return query.get('format') === 'json'
          ? json(clustersJson(clusters, isDynamic))
          : text(clustersText(clusters, isDynamic));
      },
    },
    {
      path: '/config_dump',
      help: 'dump current configs (?include_eds, ?resource=, ?mask=, ?name_regex=)',
      handle: (request) => configDump(proxy, request),
    },
    {
      path: '/drain_listeners',
      help: 'drain listeners (?graceful, ?skip_exit, ?inboundonly)',
      mutates: true,
      handle({ query }) {
        if (query.has('skip_exit') && !query.has('graceful')) {
          return text('skip_exit requires graceful\n', 400);
        }
        context.drain({
          only: query.has('inboundonly') ? 'inbound' : 'all',
          afterwards: query.has('skip_exit') ? 'stay' : query.has('graceful') ? 'close' : 'now',
        });
        return done;
      },
    },
    {
      path: '/healthcheck/fail',
      help: 'cause the server to fail health checks',
      mutates: true,
      handle() {
        context.setHealthy(false);
        return done;
      },
    },
    {
      path: '/healthcheck/ok',
      help: 'cause the server to pass health checks',
      mutates: true,
      handle() {
        context.setHealthy(true);
        return done;
      },
    },
    {
      path: '/hot_restart_version',
      help: 'print the hot restart compatibility version',
      handle: () => text(context.hotRestart?.version ?? 'disabled'),
    },
    {
      path: '/init_dump',
      help: 'what the start still waits for (?mask=)',
      handle({ query }) {
        const mask = query.get('mask');
        return json(mask === null ? initDump(proxy) : applyMask(initDump(proxy), mask));
      },
    },
    {
      path: '/listeners',
      help: 'print listener info (?format=json)',
      handle: ({ query }) => listeners(proxy, query.get('format') === 'json'),
    },
    {
      path: '/logging',
      help: 'query/change logging levels (?level=, ?NAME=, ?paths=)',
      mutates: true,
      handle: ({ query }) => logging(logLevels, query),
    },
    { path: '/memory', help: 'print current allocation/heap usage', handle: () => json(memory()) },
    {
      path: '/quitquitquit',
      help: 'exit the server',
      mutates: true,
      handle() {
        context.quit();
        return done;
      },
    },
    {
      path: '/ready',
      help: 'print server state, return 200 if LIVE, otherwise return 503',
      handle() {
        const state = context.state();
        return text(`${state}\n`, state === 'LIVE' ? 200 : 503);
      },
    },
    {
      path: '/reopen_logs',
      help: 'reopen access logs',
      mutates: true,
      handle() {
        context.reopenLogs();
        return done;
      },
    },
    {
      path: '/reset_counters',
      help: 'reset all counters to zero',
      mutates: true,
      handle() {
        context.resetCounters();
        intervals.forget();
        return done;
      },
    },
    ...profilerRoutes(proxy.bootstrap.profilePath),
    ...runtimeRoutes(proxy.bootstrap.runtime),
    {
      path: '/server_info',
      help: 'print server version/status information',
      handle: () =>
        json(
          serverInfoJson({
            concurrency: context.concurrency,
            state: context.state(),
            uptimeMs: context.clock.now() - proxy.startedAtMs,
            bootstrap: proxy.bootstrap,
            logLevel: logLevels.level('main'),
            configPath: context.configPath,
            drainTimeMs: context.drainTimeMs,
            hotRestart: context.hotRestart,
          }),
        ),
    },
    {
      path: '/stats',
      help: 'print server stats (?usedonly, ?hidden=, ?filter=REGEX, ?type=, ?histogram_buckets=, ?format=html|active-html|json|prometheus)',
      async handle({ query }) {
        const answer = statsAnswer(await flushed(), query, () => intervals.look());
        const format = query.get('format');
        if (answer.status !== 200 || (format !== 'html' && format !== 'active-html')) return answer;
        const pages = await import('./stats-page.ts');
        return format === 'html'
          ? pages.statsPage(query, statsChoices, answer.body)
          : pages.activeStatsPage(query, statsChoices);
      },
    },
    {
      path: '/stats/prometheus',
      help: 'print server stats in prometheus format (?usedonly, ?text_readouts, ?filter=REGEX, ?histogram_buckets=summary)',
      async handle({ query }) {
        return prometheusAnswer(await flushed(), query);
      },
    },
  ];
}

/** Names of what is waited for, as Envoy's init targets. */
const targetOf = {
  endpoints: 'EDS',
  routes: 'RdsRouteConfigSubscription',
  secrets: 'SdsApi',
  extensions: 'FilterConfigSubscription',
} as const;

/** What the start waits for, and what each cluster and listener that is warming waits for. */
function initDump(proxy: RunningProxy): unknown {
  const { ready, missing } = proxy.warming;
  return {
    unready_targets_dumps: [
      ...(ready ? [] : [{ name: 'init manager Server', target_names: missing }]),
      ...proxy.warming.waits().map((one) => ({
        name: `init manager ${one.kind === 'listener' ? 'Listener-local-init-manager' : 'Cluster'} ${one.name}`,
        target_names: one.for.map(([kind, name]) => `target ${targetOf[kind]} ${name}`),
      })),
    ],
  };
}

function configDump(proxy: RunningProxy, { query }: AdminRequest): AdminResponse {
  const regex = regexOf(query.get('name_regex'));
  if (regex === wrongRegex) return text('Error while parsing name_regex from request\n', 400);
  const includeEndpoints = query.has('include_eds') || (query.get('resource')?.includes('endpoint') ?? false);
  const parts: readonly DumpPart[] = dumpConfig(proxy, {
    includeEndpoints,
    ...(regex === undefined ? {} : { nameMatches: (name: string) => regex.test(name) }),
  });
  const mask = query.get('mask');
  const masked = (value: unknown): unknown => (mask === null ? value : applyMask(value, mask));
  const resource = query.get('resource');
  if (resource !== null) {
    const items = pickResource(parts, resource);
    if (items === undefined) return text(`${resource} not found in config dump\n`, 404);
    if (items === 'no_list') {
      const hint = `Use ?mask=${resource} to get only this field`;
      return text(`${resource} is not a repeated field. ${hint}\n`, 400);
    }
    return json({ configs: items.map(masked) });
  }
  return json({
    configs: parts.map((part) => ({
      '@type': `type.googleapis.com/${part.typeName}`,
      ...(masked(part.json) as object),
    })),
  });
}

function listeners(proxy: RunningProxy, asJson: boolean): AdminResponse {
  const list = proxy.dataPlane.listeners();
  if (!asJson) {
    const lines = list.flatMap(({ listener, boundAddresses }) => {
      const addresses = boundAddresses.length > 0 ? boundAddresses : [listener.address];
      return addresses.map((address) => `${listener.name}::${formatAddress(address)}\n`);
    });
    return text(lines.join(''));
  }
  return json({
    listener_statuses: list.map(({ listener, boundAddresses }) => {
      const [address = listener.address, ...additional] = boundAddresses;
      return {
        name: listener.name,
        local_address: addressJson(address),
        ...(additional.length === 0 ? {} : { additional_local_addresses: additional.map(addressJson) }),
      };
    }),
  });
}

function addressJson(address: Address): unknown {
  return address.kind === 'pipe'
    ? { pipe: { path: address.path } }
    : { socket_address: { address: address.address, port_value: address.port } };
}

function logging(levels: LogLevels, query: URLSearchParams): AdminResponse {
  const changes: [string, LogLevel][] = [];
  const pairs = [...query].flatMap(([name, value]) =>
    name === 'paths'
      ? value.split(',').map((item) => item.split(':') as [string, string])
      : [[name, value] as [string, string]],
  );
  for (const [name, value] of pairs) {
    const level = logLevelOf(value ?? '');
    const known = name === 'level' || scopes.some((scope) => scope === name.split(':')[0]);
    if (level === undefined || !known) {
      return text(
        `error: ${level === undefined ? `"${value}" is no level` : `no logger "${name}"`}\n${levels.describe()}`,
        400,
      );
    }
    changes.push([name, level]);
  }
  for (const [name, level] of changes) {
    if (name === 'level') levels.setAll(level);
    else levels.set(name, level);
  }
  return text(levels.describe());
}

function memory(): unknown {
  const usage = process.memoryUsage();
  return {
    allocated: String(usage.heapUsed + usage.external),
    heap_size: String(usage.heapTotal),
    pageheap_unmapped: '0',
    pageheap_free: String(usage.heapTotal - usage.heapUsed),
    total_thread_cache: '0',
    total_physical_bytes: String(usage.rss),
  };
}
