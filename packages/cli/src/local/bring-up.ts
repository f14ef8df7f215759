import { join } from 'node:path';
import { LateenError } from '@lateen/core';
import {
  launchCluster,
  type ClusterExit,
  type ClusterFacts,
  type ClusterHandle,
  type LaunchOptions,
} from '@lateen/cluster';
import { kubeconfigClient, type HttpKubeClient } from '@lateen/kube';
import type { CommandContext } from '../context.ts';
import { applyMesh } from '../install/install-mesh.ts';
import { findInstallationToRenew } from '../install/installed.ts';
import { resolveInstall } from '../install/resolve-install.ts';
import type { Progress, Step } from '../output/progress.ts';
import { deployDemo } from './demo.ts';
import { findIngress, type IngressAddress } from './ingress.ts';

/** What `up` was asked for. */
export interface UpOptions {
  readonly dataDir: string;
  readonly demo: boolean;
  /** A cluster without a mesh. */
  readonly clusterOnly: boolean;
  /** Installation profile; undefined: what the cluster had when it went down, at first the default one. */
  readonly profile: string | undefined;
  readonly logLevel: NonNullable<LaunchOptions['logLevel']>;
  /** Whether pods may mount directories of this machine. */
  readonly allowHostPath: boolean;
}

/** What there is to say about a cluster that is up. */
export interface UpFacts {
  readonly cluster: ClusterFacts;
  readonly ingress: IngressAddress | undefined;
  readonly productPage: string | undefined;
  /** From the command to ready. */
  readonly tookMs: number;
}

/** A cluster that is up, in this process' care. */
export interface RunningMesh {
  readonly facts: UpFacts;
  /** Resolves when all is down again; with an error where it went down by itself. */
  readonly ended: Promise<LateenError | undefined>;
}

const stepNames: Readonly<Record<string, string>> = {
  network: 'Network',
  'api-server': 'API server',
  controllers: 'Controllers',
  node: 'Node',
};

/** Starts a cluster, installs the mesh and the demo as asked, and waits until they answer. */
export async function bringUp(
  context: CommandContext,
  options: UpOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<RunningMesh> {
  const startedMs = context.clock.monotonicMs();
  const handle = await launchCluster({
    dataDir: options.dataDir,
    program: join(context.installationDir, 'dist/lateen-cluster.mjs'),
    installationDir: context.installationDir,
    logLevel: options.logLevel,
    allowHostPath: options.allowHostPath,
    clock: context.clock,
    onProgress: clusterSteps(progress),
  });
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new LateenError('cli.stopped', 'stopped before it was ready'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  stopped.catch(() => {});
  const died = handle.exited.then((exit) => {
    throw endedByItself(handle, exit);
  });
  died.catch(() => {});
  try {
    const cluster = await Promise.race([handle.ready, stopped]);
    const client = await kubeconfigClient(cluster.kubeconfig);
    const rest = await Promise.race([fill(context, options, client, progress), stopped, died]);
    client.close();
    const facts: UpFacts = { cluster, ...rest, tookMs: context.clock.monotonicMs() - startedMs };
    return { facts, ended: endOf(handle, progress, signal) };
  } catch (error) {
    await handle.stop();
    throw error;
  }
}

async function fill(
  context: CommandContext,
  options: UpOptions,
  client: HttpKubeClient,
  progress: Progress,
): Promise<Pick<UpFacts, 'ingress' | 'productPage'>> {
  if (options.clusterOnly) return { ingress: undefined, productPage: undefined };
  const { profile } = options;
  const installation =
    profile === undefined ? await findInstallationToRenew(client) : resolveInstall({ profile });
  await applyMesh(installation, { context, client, progress });
  const productPage = options.demo ? await deployDemo(context, client, progress) : undefined;
  return { ingress: await findIngress(client), productPage };
}

/** Waits for a signal and puts the cluster down, or for the cluster's own end. */
async function endOf(
  handle: ClusterHandle,
  progress: Progress,
  signal: AbortSignal,
): Promise<LateenError | undefined> {
  const asked = new Promise<'asked'>((resolve) => {
    if (signal.aborted) resolve('asked');
    else signal.addEventListener('abort', () => resolve('asked'), { once: true });
  });
  const first = await Promise.race([asked, handle.exited]);
  if (first !== 'asked') {
    return endedByItself(handle, first);
  }
  const step = progress.start('Stopping');
  await handle.stop();
  step.done();
  return undefined;
}

function endedByItself(handle: ClusterHandle, { signal, code }: ClusterExit): LateenError {
  return new LateenError('cli.clusterEnded', `the cluster ended by itself (${signal ?? `code ${code}`})`, {
    hint: `its log is ${join(handle.dataDir, 'cluster.log')}`,
  });
}

function clusterSteps(progress: Progress): NonNullable<LaunchOptions['onProgress']> {
  const running = new Map<string, Step>();
  return ({ step, state, detail }) => {
    if (state === 'started') {
      running.set(step, progress.start(stepNames[step] ?? step));
      return;
    }
    running.get(step)?.done(detail);
    running.delete(step);
  };
}
