import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { formatProblem, LateenError, lineLogger, messageOf, systemClock } from '@lateen/core';
import { decode } from '@lateen/protocol';
import { Bootstrap } from '@lateen/protocol/envoy/config/bootstrap/v3';
import { LogLevels } from '../logging/log-levels.ts';
import { isOwnSecret } from '../agent/certificate/own-secrets.ts';
import { decodeBootstrapMessage, type ProxyBootstrap } from '../bootstrap/bootstrap.ts';
import { giveMemoryBack, shrinkMemory } from '../bootstrap/collect-garbage.ts';
import { startProxy, type RunningProxy } from '../bootstrap/running-proxy.ts';
import { createDataPlane } from '../create-data-plane.ts';
import { drainListeners } from '../drain/drain-listeners.ts';
import { formatAddress, type Address } from '../model/index.ts';
import type { DataPlane } from '../data-plane.ts';
import { OverloadManager } from '../overload/overload-manager.ts';
import type { ResourceSink } from '../xds/subscription.ts';
import type { Subscriptions } from '../xds/subscriptions.ts';
import { loadDuplicate } from './duplicate-descriptor.ts';
import type { FromWorker, ToWorker, WorkerLook, WorkerStart } from './messages.ts';
import { revived } from './revived.ts';
import { SharedCells } from './shared-cells.ts';
import { FollowingFetches } from './shared-fetches.ts';
import { trafficOf } from './worker-stats.ts';

/** Runs a worker besides the first: a data plane that follows that of the first one. */
export async function runWorker(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('a worker is a thread');
  const start = workerData as WorkerStart;
  const say = (message: FromWorker): void => port.postMessage(message);
  const logLevels = new LogLevels('info');
  const setLevel = (scope: string | undefined, level: Parameters<LogLevels['setAll']>[0]): void =>
    scope === undefined ? logLevels.setAll(level) : logLevels.set(scope, level);
  for (const [scope, level] of start.logLevels) setLevel(scope, level);
  const log = lineLogger({
    write: (line) => say({ kind: 'log', line }),
    level: (scope) => logLevels.level(scope),
    scope: `main:worker${start.index}`,
  });
  const sockets = new Map<number, (fd: number | undefined) => void>();
  const fetches = new FollowingFetches((id, name) => say({ kind: 'wantFetched', id, name }));
  const serving = new Map<number, () => void>();
  let nextQuestion = 1;
  let sink: ResourceSink | undefined;
  let proxy: RunningProxy | undefined;
  const early: ToWorker[] = [];
  let duplicate: ReturnType<typeof loadDuplicate> | undefined;
  const bootstrap = bootstrapOf(start.bootstrap);
  const overload =
    bootstrap.overload === undefined
      ? undefined
      : new OverloadManager({
          config: bootstrap.overload,
          clock: systemClock,
          log: log.scope('overload'),
          shrinkHeap: shrinkMemory,
        });
  const dataPlane = createDataPlane({
    clock: systemClock,
    logger: log.scope('data'),
    node: bootstrap.identity,
    localClusterName: bootstrap.localClusterName,
    runtime: bootstrap.runtime,
    ...(overload === undefined ? {} : { overload: overload.state }),
    // The first worker tells sinks what all of them have counted, but values of histograms are told where they are seen.
    stats: { ...bootstrap.stats, sinksHearValuesOnly: true },
    drainTimeMs: start.drainTimeMs,
    drainStrategy: start.drainStrategy,
    share: {
      cells: new SharedCells(start.cells),
      ticketSecret: start.ticketSecret,
      leads: false,
      index: start.index,
      threads: start.threads,
      handOver(listener, thread, fd) {
        duplicate ??= loadDuplicate();
        try {
          say({ kind: 'connection', thread, listener, fd: duplicate(fd) });
          return true;
        } catch {
          return false;
        }
      },
      names: { found() {}, want: (cluster) => say({ kind: 'wantNames', cluster }) },
      fetches,
      whenServing: (cluster) =>
        new Promise((resolve) => {
          const id = nextQuestion++;
          serving.set(id, resolve);
          say({ kind: 'wantServing', id, cluster });
        }),
      hostsChanged() {},
      outlierDetected: (cluster, host, reason) => say({ kind: 'outlier', cluster, host, reason }),
    },
    takeSocket: (address: Address) =>
      new Promise((resolve) => {
        const id = nextQuestion++;
        sockets.set(id, resolve);
        say({ kind: 'wantSocket', id, address: formatAddress(address) });
      }),
  });

  function hear(message: ToWorker): void {
    switch (message.kind) {
      case 'socket':
        sockets.get(message.id)?.(message.fd);
        sockets.delete(message.id);
        return;
      case 'serving':
        serving.get(message.id)?.();
        serving.delete(message.id);
        return;
      case 'fetched':
        fetches.take(message.name, message.fetched);
        return;
      case 'fetchAnswer':
        fetches.takeAnswer(message.id, message.answer);
        return;
      case 'resources':
        if (sink === undefined) early.push(message);
        else void sink.update(message.update);
        return;
      case 'secrets':
        if (proxy === undefined) early.push(message);
        else void proxy.setSecrets(revived(message.secrets));
        return;
      case 'runtime':
        bootstrap.runtime.setLayer(message.layer, message.values);
        return;
      case 'logLevel':
        setLevel(message.scope, message.level);
        return;
      case 'close':
        void close(message.id);
        return;
      default:
        carryOut(dataPlane, start.drainTimeMs, message, (id, value) =>
          say({ kind: 'answer', id, ...(value === undefined ? {} : { value }) }),
        );
    }
  }

  async function close(id: number): Promise<void> {
    overload?.close();
    try {
      await (proxy ?? dataPlane).close();
    } finally {
      say({ kind: 'answer', id });
      process.exit();
    }
  }

  const onError = (error: unknown): void =>
    log.error('internal error', { error: error instanceof Error ? error.stack : messageOf(error) });
  // As in the first thread: whatever a peer does, the connections of others are not its victims.
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  port.on('message', hear);
  proxy = await startProxy({
    bootstrap,
    dataPlane,
    clock: systemClock,
    log,
    ...(start.agentSecrets ? { isLocalSecret: isOwnSecret } : {}),
    onReady: () => giveMemoryBack(systemClock, dataPlane),
    subscribe(options) {
      sink = options.sink;
      return followed;
    },
  });
  const { seeker } = dataPlane.onDemand;
  dataPlane.onDemand.seeker = {
    cluster(name, source) {
      seeker?.cluster(name, source);
      say({ kind: 'seekCluster', name, source });
    },
    giveClusterUp(name) {
      seeker?.giveClusterUp(name);
      say({ kind: 'giveClusterUp', name });
    },
    virtualHost(table, host) {
      seeker?.virtualHost(table, host);
      say({ kind: 'seekHost', table, host });
    },
    giveHostUp(name) {
      seeker?.giveHostUp(name);
      say({ kind: 'giveHostUp', name });
    },
  };
  for (const message of early.splice(0)) hear(message);
}

/** Nothing is subscribed to here: what the first worker has taken comes by message. */
const followed: Subscriptions = {
  ads: undefined,
  caller: undefined,
  start() {},
  askWhole() {},
  want() {},
  problemOf: () => undefined,
  close() {},
};

function bootstrapOf(bytes: Uint8Array): ProxyBootstrap {
  const message = decode(Bootstrap, bytes);
  if (!message.ok) throw new LateenError('EBOOTSTRAP', message.problems.map(formatProblem).join('; '));
  const decoded = decodeBootstrapMessage(message.value);
  if (!decoded.ok) throw new LateenError('EBOOTSTRAP', decoded.problems.map(formatProblem).join('; '));
  return decoded.value;
}

/** Does with the data plane what the first worker does with its own. */
function carryOut(
  dataPlane: DataPlane,
  drainTimeMs: number,
  message: Exclude<
    ToWorker,
    {
      readonly kind:
        | 'socket'
        | 'serving'
        | 'fetched'
        | 'fetchAnswer'
        | 'resources'
        | 'secrets'
        | 'runtime'
        | 'logLevel'
        | 'close';
    }
  >,
  answer: (id: number, value?: WorkerLook) => void,
): void {
  switch (message.kind) {
    case 'startAccepting':
      dataPlane.startAccepting();
      return;
    case 'drainListeners':
      drainListeners(dataPlane, systemClock, drainTimeMs, message.request);
      return;
    case 'startDraining':
      dataPlane.startDraining();
      return;
    case 'stopAccepting':
      void dataPlane.stopAccepting().finally(() => answer(message.id));
      return;
    case 'drainConnections':
      dataPlane.drainConnections();
      return;
    case 'drain':
      void dataPlane.drain(message.ms).finally(() => answer(message.id));
      return;
    case 'failHealthChecks':
      dataPlane.failHealthChecks(message.failed);
      return;
    case 'resetCounters':
      dataPlane.stats.resetCounters();
      return;
    case 'reopenLogs':
      dataPlane.reopenLogs();
      return;
    case 'connection':
      dataPlane.takeConnection(message.listener, message.fd);
      return;
    case 'names':
      dataPlane.takeNames(message.cluster, message.addresses);
      return;
    case 'hostsChanged':
      for (const cluster of message.clusters) dataPlane.takeHostHealth(cluster);
      return;
    case 'look':
      answer(message.id, {
        stats: trafficOf(dataPlane.stats.snapshot()),
        clusters: dataPlane
          .clusters()
          .map(({ cluster, endpoints }) => [
            cluster.name,
            endpoints.map(({ address, stats }) => [formatAddress(address), { ...stats }] as const),
          ]),
      });
  }
}
