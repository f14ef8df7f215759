import { flushCompileCache } from 'node:module';
import { writeFileSync } from 'node:fs';
import { LateenError, messageOf, sleep, type Clock, type Logger } from '@lateen/core';
import type { Metadata } from '@lateen/protocol/grpc';
import type { LogLevels } from '../logging/log-levels.ts';
import type { AdminServer } from '../admin/server.ts';
import type { ServerState } from '../admin/server-info.ts';
import { createDataPlane } from '../create-data-plane.ts';
import { drainListeners } from '../drain/drain-listeners.ts';
import type { DrainStrategy } from '../drain/drain-schedule.ts';
import { shutDown } from '../drain/shutdown.ts';
import type { HotRestartOptions } from '../hot-restart/hot-restart.ts';
import { hotRestartVersion } from '../hot-restart/messages.ts';
import { formatAddress } from '../model/index.ts';
import type { StatsView } from '../telemetry/stats-view.ts';
import { ServerStats } from '../telemetry/server-stats.ts';
import { daysUntil, secondsUntil } from '../tls/certificate-expiry.ts';
import { fleetOf, type Fleet } from '../workers/fleet.ts';
import { listenErrorText } from '../wire/listen-error.ts';
import type { ProxyBootstrap } from './bootstrap.ts';
import { giveMemoryBack, shrinkMemory } from './collect-garbage.ts';
import { startProxy, type RunningProxy } from './running-proxy.ts';

export interface ServeOptions {
  readonly bootstrap: ProxyBootstrap;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logLevels: LogLevels;
  /** How long listeners that go, or are drained, take for it. */
  readonly drainTimeMs: number;
  readonly drainStrategy: DrainStrategy;
  /** How long connections may take to end at the end. */
  readonly terminationMs: number;
  /** How long new connections are still taken at the end. */
  readonly lameDuckMs: number;
  readonly configPath: string | undefined;
  readonly adminAddressPath: string | undefined;
  /** Folder in which accepted resources are kept for the next start. */
  readonly statePath: string | undefined;
  /** The same for those that hold keys; it is in memory, and this user's alone. */
  readonly keyPath: string | undefined;
  /** Undefined: hot restart is disabled. */
  readonly hotRestart?: HotRestartOptions | undefined;
  readonly xdsMetadata?: () => Metadata;
  readonly isLocalSecret?: (name: string) => boolean;
  readonly onLocalSecretWanted?: (names: readonly string[]) => void;
  /** Threads that serve, and the program of those besides this one; default: this one alone. */
  readonly workers?: {
    readonly concurrency: number;
    readonly entry: string | URL;
    readonly agentSecrets: boolean;
  };
  /** Where log lines of other threads go, as they are. */
  readonly writeLog?: (line: string) => void;
  /** A worker has ended by itself, and what it carried is lost; default: the process ends. */
  readonly onWorkerDied?: (error: Error) => void;
}

/** Envoy's numbers of the states, in order. */
const serverStates: readonly ServerState[] = ['LIVE', 'DRAINING', 'PRE_INITIALIZING', 'INITIALIZING'];
const betweenLooksMs = 100;

/** A proxy that serves. */
export interface Serving {
  readonly proxy: RunningProxy;
  readonly admin: AdminServer | undefined;
  state(): ServerState;
  /** All workers. */
  readonly fleet: Fleet;
  /** The statistics of all workers, and of the process that this one took over from. */
  stats(): Promise<StatsView>;
  /** Resolves when the proxy has become ready. */
  readonly ready: Promise<void>;
  /** Resolves when everything is closed; rejects where that is because a static resource was refused that had to wait. */
  readonly stopped: Promise<void>;
  /** Drains and closes; the second call closes at once. */
  stop(): void;
}

/** Runs a proxy with its admin port, from a bootstrap to its end. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { bootstrap, clock, log } = options;
  const concurrency = Math.max(1, options.workers?.concurrency ?? 1);
  let healthy = true;
  let handedOver = false;
  let stopping: Promise<void> | undefined;
  let refusal: Error | undefined;
  const ready = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const hotRestart =
    options.hotRestart === undefined
      ? undefined
      : await (await import('../hot-restart/hot-restart.ts')).startHotRestart(
          options.hotRestart,
          log.scope('main'),
        );
  const predecessor = hotRestart?.predecessor;
  const overload =
    bootstrap.overload === undefined
      ? undefined
      : new (await import('../overload/overload-manager.ts')).OverloadManager({
          config: bootstrap.overload,
          clock,
          log: log.scope('overload'),
          shrinkHeap: shrinkMemory,
        });
  const workers =
    options.workers === undefined || options.workers.concurrency < 2
      ? undefined
      : new (await import('../workers/worker-pool.ts')).WorkerPool({
          ...options.workers,
          bootstrap,
          drainTimeMs: options.drainTimeMs,
          drainStrategy: options.drainStrategy,
          logLevels: options.logLevels,
          log: log.scope('workers'),
          writeLog: options.writeLog ?? (() => {}),
          onDied: options.onWorkerDied ?? endProcess(log),
        });
  const dataPlane = createDataPlane({
    clock,
    logger: log.scope('data'),
    node: bootstrap.identity,
    localClusterName: bootstrap.localClusterName,
    runtime: bootstrap.runtime,
    ...(overload === undefined ? {} : { overload: overload.state }),
    stats: bootstrap.stats,
    ...(workers === undefined
      ? {}
      : {
          share: workers.share,
          otherWorkers: async () => (await workers.look()).map(({ stats }) => stats),
        }),
    drainTimeMs: options.drainTimeMs,
    drainStrategy: options.drainStrategy,
    ...(predecessor === undefined
      ? {}
      : { takeSocket: (address) => predecessor.takeSocket(formatAddress(address)) }),
  });
  if (overload !== undefined) dataPlane.stats.add(overload);
  const fleet = fleetOf(dataPlane, workers);
  let serves = false;
  const doorProcess = {
    serves: () => serves,
    sockets: () => dataPlane.sockets(),
    stats: async () => (await allStats()).snapshot(),
    connections: () => fleet.activeConnections,
    async releaseAdmin() {
      await admin?.close();
    },
    takeAdminBack() {
      openAdmin().catch((error: unknown) =>
        log.error('the admin port cannot be opened again', { error: messageOf(error) }),
      );
    },
    drain: (endAfterMs: number) =>
      void handOver(endAfterMs).catch((error: unknown) =>
        log.error('draining failed', { error: messageOf(error) }),
      ),
  };
  const asksForId =
    hotRestart !== undefined && (hotRestart.epoch > 0 || options.hotRestart?.baseId !== undefined);
  // Before anything is bound, so that a process that is one too many hears what is wrong.
  if (asksForId) await hotRestart.open(doorProcess);
  async function allStats(): Promise<StatsView> {
    const looks = (await workers?.look()) ?? [];
    const own =
      looks.length === 0 ? dataPlane.stats : dataPlane.stats.mergedWith(looks.map(({ stats }) => stats));
    return (await hotRestart?.merged(own)) ?? own;
  }
  workers?.start(dataPlane);
  if (predecessor === undefined) workers?.tell({ kind: 'startAccepting' });
  const startedMs = clock.monotonicMs();
  const proxy = await startProxy({
    bootstrap,
    dataPlane,
    clock,
    log,
    statePath: options.statePath,
    keyPath: options.keyPath,
    onRefused(error) {
      refusal = error;
      void close();
    },
    onReady() {
      log.info('ready', { afterMs: Math.round(clock.monotonicMs() - startedMs) });
      // With NODE_COMPILE_CACHE the proxies that start after this one find what it has compiled.
      flushCompileCache();
      ready.resolve();
      giveMemoryBack(clock, dataPlane);
    },
    ...(workers === undefined
      ? {}
      : {
          onTaken: (update, refused) => workers.follow(update, refused),
          onSecrets: (secrets) => workers.putSecrets(secrets),
        }),
    ...(options.xdsMetadata === undefined ? {} : { xdsMetadata: options.xdsMetadata }),
    ...(options.isLocalSecret === undefined ? {} : { isLocalSecret: options.isLocalSecret }),
    ...(options.onLocalSecretWanted === undefined
      ? {}
      : { onLocalSecretWanted: options.onLocalSecretWanted }),
  });

  function state(): ServerState {
    if (stopping !== undefined || handedOver || !healthy) return 'DRAINING';
    if (proxy.warming.ready) return 'LIVE';
    return proxy.warming.clustersDone ? 'INITIALIZING' : 'PRE_INITIALIZING';
  }

  function stop(): void {
    if (stopping !== undefined) {
      void close();
      return;
    }
    const { terminationMs, lameDuckMs } = options;
    stopping = shutDown({
      dataPlane: fleet,
      clock,
      log: log.scope('main'),
      drainMs: terminationMs,
      lameDuckMs,
    }).then(close);
  }

  let closing: Promise<void> | undefined;
  function close(): Promise<void> {
    closing ??= closeAll();
    return closing;
  }

  async function closeAll(): Promise<void> {
    overload?.close();
    await hotRestart?.leave();
    hotRestart?.close();
    await Promise.all([admin?.close(), proxy.close(), workers?.close()]);
    if (refusal === undefined) stopped.resolve();
    else stopped.reject(refusal);
  }

  let admin: AdminServer | undefined;
  async function openAdmin(): Promise<void> {
    if (bootstrap.admin === undefined || closing !== undefined) return;
    // Loaded after the data path has begun to start, which is what others wait for.
    const [{ adminRoutes }, { startAdminServer }] = await Promise.all([
      import('../admin/routes.ts'),
      import('../admin/server.ts'),
    ]);
    const address = admin?.address ?? bootstrap.admin;
    admin = await startAdminServer({
      address,
      log: log.scope('admin'),
      routes: adminRoutes({
        proxy,
        clock,
        logLevels: options.logLevels,
        configPath: options.configPath,
        drainTimeMs: options.drainTimeMs,
        drainStrategy: options.drainStrategy,
        state,
        setHealthy(value) {
          healthy = value;
          fleet.failHealthChecks(!value);
        },
        drain(request) {
          drainListeners(dataPlane, clock, options.drainTimeMs, request);
          workers?.tell({ kind: 'drainListeners', request });
        },
        quit: stop,
        stats: allStats,
        clusters: async () => {
          const statuses = dataPlane.clusters();
          if (workers === undefined) return statuses;
          return (await import('../workers/worker-pool.ts')).withCounts(statuses, await workers.look());
        },
        reopenLogs: () => fleet.reopenLogs(),
        concurrency,
        resetCounters() {
          hotRestart?.forgetStats();
          dataPlane.stats.resetCounters();
          workers?.tell({ kind: 'resetCounters' });
        },
        hotRestart:
          hotRestart === undefined ? undefined : { version: hotRestartVersion, epoch: hotRestart.epoch },
      }),
    }).catch((cause: unknown) => {
      const problem = listenErrorText(formatAddress(address), cause);
      throw new LateenError('EADMIN', `admin.address: ${problem}`, { cause });
    });
    log.info(`admin address: ${formatAddress(admin.address)}`);
    if (options.adminAddressPath !== undefined) {
      writeFileSync(options.adminAddressPath, formatAddress(admin.address));
    }
  }

  /** Another process serves in place of this one: it ends with its last connection, or when the time is over. */
  async function handOver(endAfterMs: number): Promise<void> {
    handedOver = true;
    log.info('another process serves now; draining', {
      connections: fleet.activeConnections,
      endAfterMs,
    });
    dataPlane.noteHandedOn();
    fleet.startDraining();
    await fleet.stopAccepting();
    const startMs = clock.monotonicMs();
    let idleTold = false;
    for (;;) {
      const elapsedMs = clock.monotonicMs() - startMs;
      if (fleet.activeConnections === 0 || elapsedMs >= endAfterMs || stopping !== undefined) break;
      if (!idleTold && elapsedMs >= options.drainTimeMs) {
        idleTold = true;
        fleet.drainConnections();
      }
      await sleep(betweenLooksMs);
    }
    if (stopping === undefined) await close();
  }

  dataPlane.stats.add(
    new ServerStats(() => ({
      live: state() === 'LIVE',
      state: serverStates.indexOf(state()),
      uptimeMs: clock.now() - proxy.startedAtMs,
      concurrency,
      hotRestartEpoch: hotRestart?.epoch ?? 0,
      hotRestartGeneration: hotRestart?.generation ?? 1,
      connections: fleet.activeConnections,
      parentConnections: hotRestart?.parentConnections ?? 0,
      daysUntilFirstCertExpiring: daysUntil(dataPlane.firstCertificateExpiryMs(), clock.now()),
      secondsUntilFirstOcspExpiring: secondsUntil(dataPlane.firstOcspExpiryMs(), clock.now()),
    })),
  );
  await predecessor?.releaseAdmin();
  await openAdmin();
  void ready.promise
    .then(async () => {
      await hotRestart?.takeOver(fleet);
      serves = true;
      if (!asksForId) await hotRestart?.open(doorProcess);
    })
    .catch((error: unknown) => log.error('hot restart failed', { error: messageOf(error) }));
  return {
    proxy,
    get admin() {
      return admin;
    },
    state,
    fleet,
    stats: allStats,
    ready: ready.promise,
    stopped: stopped.promise,
    stop,
  };
}

/** As where a bug ends any other program: without a worker its connections would wait for ever. */
function endProcess(log: Logger): (error: Error) => void {
  return (error) => {
    log.error('a worker has ended; the process ends', { error: error.stack ?? error.message });
    process.exit(1);
  };
}
