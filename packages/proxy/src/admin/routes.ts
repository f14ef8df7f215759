import type { Clock } from '@lateen/core';
import type { RunningProxy } from '../bootstrap/running-proxy.ts';
import { toJson } from '@lateen/protocol';
import { UnreadyTargetsDumps } from '@lateen/protocol/envoy/admin/v3';
import { regexOf, wrongRegex } from './query-regex.ts';
import type { DrainStrategy } from '../drain/drain-schedule.ts';
import type { DrainRequest } from '../drain/drain-listeners.ts';
import { formatAddress, type Address, type ClusterStatus } from '../model/index.ts';
import type { StatsView } from '../telemetry/stats-view.ts';
import { done, json, text, type AdminRequest, type AdminResponse, type AdminRoute } from './admin-request.ts';
import { absentRoutes } from './absent-routes.ts';
import { certificatesJson } from './certificates.ts';
import { clustersJson, clustersText } from './cluster-status.ts';
import { dumpConfig, pickResource } from './config-dump.ts';
import { applyMask, parseMask } from './field-mask.ts';
import { loggingRoute } from './logging-route.ts';
import { profilerRoutes } from './profiler-routes.ts';
import { runtimeRoutes } from './runtime-routes.ts';
import type { LogLevels } from '../logging/log-levels.ts';
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
  readonly drainStrategy: DrainStrategy;
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
  readonly clusters: () => Promise<readonly ClusterStatus[]>;
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
      help: 'upstream cluster status',
      parameters: {
        filter: 'regular expression (RE2) of the names of the clusters to show',
        format: 'text or json',
      },
      async handle({ query }) {
        const regex = regexOf(query.get('filter'));
        if (regex === wrongRegex) return text('Invalid re2 regex\n', 400);
        const all = await context.clusters();
        const clusters = regex === undefined ? all : all.filter(({ cluster }) => regex.test(cluster.name));
        return query.get('format') === 'json'
          ? json(clustersJson(clusters, isDynamic))
          : text(clustersText(clusters, isDynamic));
      },
    },
    {
      path: '/config_dump',
      help: 'dump current configs',
      parameters: {
        resource: 'one list of the dump, as dynamic_active_clusters',
        mask: 'the fields to show, as bootstrap.node; of each item where resource is given too',
        name_regex: 'regular expression (RE2) that whole names of what is shown match',
        include_eds: 'with the endpoints of the clusters',
      },
      handle: (request) => configDump(context, request),
    },
    {
      path: '/drain_listeners',
      help: 'drain listeners',
      parameters: {
        graceful: 'clients are told to go for the drain time before the listeners close',
        skip_exit: 'clients are told to go, and the listeners do not close',
        inboundonly: 'only listeners whose traffic_direction is INBOUND',
      },
      mutates: true,
      handle({ query }) {
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
      help: 'what the start still waits for',
      parameters: { mask: 'the fields to show, as unready_targets_dumps' },
      handle({ query }) {
        const dump = toJson(UnreadyTargetsDumps, initDump(proxy), { protoNames: true }) as object;
        const mask = parseMask(query.get('mask'));
        return json(mask === undefined ? dump : (applyMask(UnreadyTargetsDumps, dump, mask) ?? {}));
      },
    },
    {
      path: '/listeners',
      help: 'print listener info',
      parameters: { format: 'text or json' },
      handle: ({ query }) => listeners(proxy, query.get('format') === 'json'),
    },
    loggingRoute(logLevels),
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
            drainStrategy: context.drainStrategy,
            hotRestart: context.hotRestart,
          }),
        ),
    },
    {
      path: '/stats',
      help: 'print server stats',
      parameters: {
        usedonly: 'only statistics that have ever been something',
        filter: 'regular expression (RE2) of the names to show',
        invert_filter: 'show the others',
        format: 'html, active-html, text, json or prometheus',
        type: [...statsChoices.type].join(', '),
        histogram_buckets: statsChoices.histogram_buckets.join(', '),
        hidden: 'include, only or exclude; no statistic is hidden',
      },
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
      help: 'print server stats in prometheus format',
      parameters: {
        usedonly: 'only statistics that have ever been something',
        text_readouts: 'words too, as gauges of 0',
        filter: 'regular expression (RE2) of the names to show',
        invert_filter: 'show the others',
        histogram_buckets: 'cumulative or summary',
      },
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
function initDump(proxy: RunningProxy): UnreadyTargetsDumps {
  const { ready, missing } = proxy.warming;
  return {
    unreadyTargetsDumps: [
      ...(ready ? [] : [{ name: 'init manager Server', targetNames: missing }]),
      ...proxy.warming.waits().map((one) => ({
        name: `init manager ${one.kind === 'listener' ? 'Listener-local-init-manager' : 'Cluster'} ${one.name}`,
        targetNames: one.for.map(([kind, name]) => `target ${targetOf[kind]} ${name}`),
      })),
    ],
  };
}

/** `/config_dump`; the words of problems are Envoy's. */
async function configDump(
  { proxy, clusters }: AdminContext,
  { query }: AdminRequest,
): Promise<AdminResponse> {
  const regex = regexOf(query.get('name_regex'), 'whole');
  if (regex === wrongRegex) return text('Error while parsing name_regex from request\n', 400);
  const parts = dumpConfig(proxy, {
    endpointsOf: query.has('include_eds') ? await clusters() : undefined,
    ...(regex === undefined ? {} : { nameMatches: (name: string) => regex.test(name) }),
  });
  const mask = parseMask(query.get('mask'));
  const resource = query.get('resource');
  if (resource !== null && resource !== '') {
    const picked = pickResource(parts, resource);
    if (picked === undefined) return text(`${resource} not found in config dump`, 404);
    if (picked === 'no_list') {
      const hint = `Use ?mask=${resource} to get only this field`;
      return text(`${resource} is not a repeated field. ${hint}`, 400);
    }
    const { type, items } = picked;
    const masked = items.map((item) => (mask === undefined ? item : applyMask(type, item, mask)));
    if (masked.includes(undefined)) {
      return text(`FieldMask ${query.get('mask')} could not be successfully used.`, 400);
    }
    return json(configs(masked.map((item) => ({ '@type': type.typeUrl, ...item }))));
  }
  const shown = parts.flatMap(({ type, json: whole }) => {
    const part = mask === undefined ? whole : applyMask(type, whole, mask);
    return part === undefined ? [] : [{ '@type': type.typeUrl, ...part }];
  });
  if (shown.length === 0) {
    return text(`FieldMask ${query.get('mask')} could not be successfully applied to any configs.`, 400);
  }
  return json(configs(shown));
}

/** A list that is empty is left out, as protobuf does it. */
function configs(list: readonly object[]): object {
  return list.length === 0 ? {} : { configs: list };
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
