import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { LateenError, systemClock, type Clock, type LogLevel } from '@lateen/core';
import { clusterEnvironment } from '../env.ts';
import { chooseAddressPrefix } from './address-block.ts';
import { lockDataDir } from './data-dir-lock.ts';
import type {
  ClusterFacts,
  ClusterMessage,
  ClusterOptions,
  FailureNote,
  HostMessage,
  Progress,
} from './messages.ts';
import { connectFor, resolveFor } from './outside.ts';
import { listenOnHost, portOf } from './port-server.ts';
import { preflight } from './preflight.ts';
import { presentUser } from './present-user.ts';
import { writeIdMaps } from './subordinate-ids.ts';

export interface LaunchOptions {
  /** Everything the cluster keeps; made where it is missing. */
  readonly dataDir: string;
  /** The cluster's program for node: `dist/lateen-cluster.mjs`, or its source `main.ts`. */
  readonly program: string;
  /** The tree with `dist/` and `node_modules/`. */
  readonly installationDir: string;
  /** Default `info`; the log goes to `cluster.log` in the data directory. */
  readonly logLevel?: LogLevel;
  /** Whether pods may mount directories of the host; default false. */
  readonly allowHostPath?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  readonly clock?: Clock;
}

/** How the cluster's process ended. */
export interface ClusterExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A cluster that was started by this process and dies with it. */
export interface ClusterHandle {
  readonly dataDir: string;
  /** First three numbers of its loopback block. */
  readonly addressPrefix: string;
  /** Resolves when the API server answers and the node is ready; rejects with a LateenError where it cannot start. */
  readonly ready: Promise<ClusterFacts>;
  readonly exited: Promise<ClusterExit>;
  /** Stops the pods and the cluster; after `graceMs` (default 5000) whatever is left is killed. Leaves nothing. */
  stop(graceMs?: number): Promise<void>;
}

/** The first process of the cluster's pid namespace: starts the real one and collects every orphan. */
const initScript = '"$@" & wait "$!"';

/** Waits, as nobody, until the ids are mapped; from the next program on the process is root in its namespace. */
const awaitIdMaps = 'echo unshared >&5; read -r mapped <&4 || exit 1; exec "$@" 4<&- 5>&-';

function clusterCommand(options: ClusterOptions, program: string, asRoot: boolean): string[] {
  const node = [realpathSync(process.execPath), '--disable-warning=ExperimentalWarning', program];
  const inside = ['sh', '-c', initScript, 'lateen-init', ...node, JSON.stringify(options)];
  const kinds = [
    '--mount',
    '--net',
    '--ipc',
    '--uts',
    '--pid',
    '--fork',
    '--kill-child=KILL',
    '--mount-proc',
  ];
  const namespaces = ['setpriv', '--pdeathsig', 'KILL', 'unshare', ...kinds, ...inside];
  if (asRoot) return namespaces;
  return ['unshare', '--user', 'sh', '-c', awaitIdMaps, 'lateen-map', ...namespaces];
}

function openLog(dataDir: string): number {
  const file = join(dataDir, 'cluster.log');
  try {
    renameSync(file, `${file}.1`);
  } catch {
    // There was none.
  }
  return openSync(file, 'a', 0o600);
}

async function mapIds(child: ChildProcess): Promise<void> {
  const [, , , , goPipe, unsharedPipe] = child.stdio as readonly unknown[];
  const go = goPipe as Writable;
  go.on('error', () => {});
  const lines = createInterface({ input: unsharedPipe as Readable });
  const [first] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string?];
  if (first !== 'unshared' || child.pid === undefined) return;
  await writeIdMaps(child.pid);
  go.end('mapped\n');
}

function send(child: ChildProcess, message: HostMessage, handle?: Parameters<ChildProcess['send']>[1]): void {
  if (child.connected) child.send(message, handle, () => {});
}

async function answerListen(child: ChildProcess, id: number, address: string, port: number): Promise<void> {
  const server = await listenOnHost(address, port);
  if (typeof server === 'string') {
    send(child, { type: 'listen-failed', id, reason: server });
    return;
  }
  const message: HostMessage = { type: 'listening', id, port: portOf(server) };
  // The other process holds the socket from now on; this one must not accept.
  if (child.connected) child.send(message, server, () => server.close());
  else server.close();
}

function errorOf({ code, message, hint }: FailureNote): LateenError {
  return new LateenError(code, message, hint === undefined ? {} : { hint });
}

/** What the machine lacks, where that is why a cluster does not start. */
async function machineFailure(): Promise<LateenError | undefined> {
  const failed = (await preflight(clusterEnvironment().path)).find((check) => check.failure !== undefined);
  return failed?.failure === undefined ? undefined : errorOf(failed.failure);
}

/** Why a cluster ended before it was ready, without a word: what the machine lacks, or the end of its log. */
async function explainEnd(dataDir: string, exit: ClusterExit): Promise<LateenError> {
  const lacking = await machineFailure();
  if (lacking !== undefined) return lacking;
  const log = readFileSync(join(dataDir, 'cluster.log'), 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  const how = exit.signal ?? `code ${exit.code}`;
  return new LateenError('host.cluster-ended', `the cluster ended with ${how} before it was ready:\n${log}`, {
    hint: `the whole log is ${join(dataDir, 'cluster.log')}`,
  });
}

/**
 * Starts the cluster of a data directory in namespaces of its own: as root directly, else in a user
 * namespace with the user's subordinate ids. The host itself is not changed; when this process ends,
 * however it ends, the kernel takes everything down.
 *
 * Rejects with a LateenError where a cluster runs from the directory already or the machine cannot do it.
 */
export async function launchCluster(options: LaunchOptions): Promise<ClusterHandle> {
  const clock = options.clock ?? systemClock;
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = realpathSync(options.dataDir);
  if (/[,:"\\\n]/.test(dataDir)) {
    throw new LateenError(
      'host.data-dir',
      `the data directory ${dataDir} has a character that mounts cannot have`,
      {
        hint: 'choose a --data-dir without commas, colons, quotes and backslashes',
      },
    );
  }
  const lock = await lockDataDir(dataDir);
  let child: ChildProcess;
  let addressPrefix: string;
  const asRoot = presentUser().uid === 0;
  try {
    addressPrefix = await chooseAddressPrefix(dataDir);
    const [file = '', ...args] = clusterCommand(
      {
        dataDir,
        addressPrefix,
        installationDir: realpathSync(options.installationDir),
        logLevel: options.logLevel ?? 'info',
        allowHostPath: options.allowHostPath ?? false,
      },
      realpathSync(options.program),
      asRoot,
    );
    const log = openLog(dataDir);
    const env = {
      PATH: clusterEnvironment().path,
      LANG: 'C.UTF-8',
      NODE_COMPILE_CACHE: join(dataDir, 'compile-cache', 'cluster'),
      XTABLES_LOCKFILE: join(dataDir, 'xtables.lock'),
    };
    const pipes: ('pipe' | 'ipc')[] = asRoot ? ['ipc'] : ['ipc', 'pipe', 'pipe'];
    child = spawn(file, args, { cwd: '/', env, detached: true, stdio: ['ignore', log, log, ...pipes] });
    closeSync(log);
  } catch (error) {
    lock.release();
    throw error;
  }

  const exited = new Promise<ClusterExit>((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const ready = Promise.withResolvers<ClusterFacts>();
  let settled = false;
  // Whoever only waits for `exited` is not to be killed by an unhandled rejection.
  ready.promise.catch(() => {});
  void exited.then(async (exit) => {
    lock.release();
    if (!settled) ready.reject(await explainEnd(dataDir, exit));
  });
  child.on('message', (message: ClusterMessage) => {
    switch (message.type) {
      case 'progress':
        options.onProgress?.(message.progress);
        return;
      case 'ready':
        settled = true;
        ready.resolve(message.facts);
        return;
      case 'failed': {
        const { failure } = message;
        settled = true;
        // What a tool complained about is explained best by what the machine lacks.
        const explained = failure.code.startsWith('linux.') ? machineFailure() : Promise.resolve(undefined);
        void explained.then((lacking) => ready.reject(lacking ?? errorOf(failure)));
        return;
      }
      case 'listen':
        void answerListen(child, message.id, message.address, message.port);
        return;
      case 'connect':
        connectFor(message, (answer, socket) => send(child, answer, socket));
        return;
      case 'resolve':
        void resolveFor(message, clock).then((answer) => send(child, answer));
    }
  });
  if (!asRoot) {
    mapIds(child).catch((error: unknown) => {
      settled = true;
      ready.reject(error);
      child.kill('SIGKILL');
    });
  }

  return {
    dataDir,
    addressPrefix,
    ready: ready.promise,
    exited,
    async stop(graceMs = 5000) {
      send(child, { type: 'shutdown', graceMs });
      const timer = clock.after(graceMs + 1000, () => child.kill('SIGKILL'));
      await exited;
      timer.cancel();
    },
  };
}
