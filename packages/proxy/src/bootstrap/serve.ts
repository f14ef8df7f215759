import { flushCompileCache } from 'node:module';
import { writeFileSync } from 'node:fs';
import type { Clock, Logger } from '@lateen/core';
import type { Metadata } from '@lateen/protocol/grpc';
import type { LogLevels } from '../admin/log-levels.ts';
import type { AdminServer } from '../admin/server.ts';
import type { ServerState } from '../admin/server-info.ts';
import { createDataPlane } from '../data-plane.ts';
import { drainListeners } from '../drain/drain-listeners.ts';
import type { DrainStrategy } from '../drain/drain-schedule.ts';
import { shutDown } from '../drain/shutdown.ts';
import { formatAddress } from '../model/index.ts';
import type { ProxyBootstrap } from './bootstrap.ts';
import { collectGarbageSoon } from './collect-garbage.ts';
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
  readonly xdsMetadata?: () => Metadata;
  readonly isLocalSecret?: (name: string) => boolean;
  readonly onLocalSecretWanted?: (names: readonly string[]) => void;
}

/** A proxy that serves. */
export interface Serving {
  readonly proxy: RunningProxy;
  readonly admin: AdminServer | undefined;
  state(): ServerState;
  /** Resolves when the proxy has become ready. */
  readonly ready: Promise<void>;
  /** Resolves when everything is closed. */
  readonly stopped: Promise<void>;
  /** Drains and closes; the second call closes at once. */
  stop(): void;
}

/** Runs a proxy with its admin port, from a bootstrap to its end. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { bootstrap, clock, log } = options;
  let healthy = true;
  let stopping: Promise<void> | undefined;
  const ready = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const dataPlane = createDataPlane({
    clock,
    logger: log.scope('data'),
    node: bootstrap.identity,
    runtime: bootstrap.runtime,
    drainTimeMs: options.drainTimeMs,
    drainStrategy: options.drainStrategy,
  });
  const startedMs = clock.monotonicMs();
  const proxy = await startProxy({
    bootstrap,
    dataPlane,
    clock,
    log,
    statePath: options.statePath,
    onReady() {
      log.info('ready', { afterMs: Math.round(clock.monotonicMs() - startedMs) });
      // With NODE_COMPILE_CACHE the proxies that start after this one find what it has compiled.
      flushCompileCache();
      ready.resolve();
      collectGarbageSoon(clock);
    },
    ...(options.xdsMetadata === undefined ? {} : { xdsMetadata: options.xdsMetadata }),
    ...(options.isLocalSecret === undefined ? {} : { isLocalSecret: options.isLocalSecret }),
    ...(options.onLocalSecretWanted === undefined
      ? {}
      : { onLocalSecretWanted: options.onLocalSecretWanted }),
  });

  function state(): ServerState {
    if (stopping !== undefined || !healthy) return 'DRAINING';
    return proxy.warming.ready ? 'LIVE' : 'INITIALIZING';
  }

  function stop(): void {
    if (stopping !== undefined) {
      void close();
      return;
    }
    const { terminationMs, lameDuckMs } = options;
    stopping = shutDown({
      dataPlane,
      clock,
      log: log.scope('main'),
      drainMs: terminationMs,
      lameDuckMs,
    }).then(close);
  }

  let closing: Promise<void> | undefined;
  function close(): Promise<void> {
    closing ??= Promise.all([admin?.close(), proxy.close()]).then(() => stopped.resolve());
    return closing;
  }

  let admin: AdminServer | undefined;
  if (bootstrap.admin !== undefined) {
    // Loaded after the data path has begun to start, which is what others wait for.
    const [{ adminRoutes }, { startAdminServer }] = await Promise.all([
      import('../admin/routes.ts'),
      import('../admin/server.ts'),
    ]);
    admin = await startAdminServer({
      address: bootstrap.admin,
      log: log.scope('admin'),
      routes: adminRoutes({
        proxy,
        clock,
        logLevels: options.logLevels,
        configPath: options.configPath,
        drainTimeMs: options.drainTimeMs,
        state,
        setHealthy(value) {
          healthy = value;
          dataPlane.failHealthChecks(!value);
        },
        drain: (request) => drainListeners(dataPlane, clock, options.drainTimeMs, request),
        quit: stop,
      }),
    });
    log.info(`admin address: ${formatAddress(admin.address)}`);
    if (options.adminAddressPath !== undefined) {
      writeFileSync(options.adminAddressPath, formatAddress(admin.address));
    }
  }
  return { proxy, admin, state, ready: ready.promise, stopped: stopped.promise, stop };
}
