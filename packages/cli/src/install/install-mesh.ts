import type { KubeClient } from '@lateen/kube';
import type { CommandContext } from '../context.ts';
import type { Progress } from '../output/progress.ts';
import { applyAll } from './apply-installation.ts';
import { applyOrder, installedState, installSteps } from './render-install.ts';
import { resolveInstall, type Installation, type InstallRequest } from './resolve-install.ts';
import { waitForDeployments } from './wait-ready.ts';

export interface InstallMeshOptions {
  readonly context: Pick<CommandContext, 'clock'>;
  readonly client: KubeClient;
  readonly profile?: string | undefined;
  /** `--set` options. */
  readonly settings: readonly string[];
  readonly operators?: InstallRequest['operators'];
  readonly revision?: string | undefined;
  readonly progress: Progress;
  /** How long each step may take to become ready; default five minutes. */
  readonly timeoutMs?: number;
}

/** Installs the mesh into a cluster and waits until it is ready; installing again changes only what differs. */
export async function installMesh(options: InstallMeshOptions): Promise<Installation> {
  const installation = resolveInstall({
    profile: options.profile,
    settings: options.settings,
    operators: options.operators ?? [],
    revision: options.revision,
  });
  await applyMesh(installation, options);
  return installation;
}

/** Applies an installation that is decided, and waits until it is ready. */
export async function applyMesh(
  installation: Installation,
  options: Pick<InstallMeshOptions, 'context' | 'client' | 'progress' | 'timeoutMs'>,
): Promise<void> {
  const { client, progress, context } = options;
  const steps = installSteps(installation).map((step) => ({ step, shown: progress.start(step.name) }));
  try {
    const ordered = applyOrder(steps.flatMap(({ step }) => step.objects));
    const isFirst = ({ kind }: { kind: string }): boolean => kind === 'Namespace';
    await applyAll(client, ordered.filter(isFirst));
    // All at once: pods that need the control plane wait for it by themselves.
    await applyAll(
      client,
      ordered.filter((object) => !isFirst(object)),
    );
    if (ordered.length > 0) await applyAll(client, [installedState(installation)]);
    for (const { step, shown } of steps) {
      const deployments = step.objects.filter(({ kind }) => kind === 'Deployment');
      const namespaces = new Set(deployments.map(({ metadata }) => metadata.namespace ?? ''));
      for (const namespace of namespaces) {
        await waitForDeployments({
          client,
          namespace,
          names: deployments
            .filter(({ metadata }) => metadata.namespace === namespace)
            .map(({ metadata }) => metadata.name),
          timeoutMs: options.timeoutMs ?? 300_000,
          clock: context.clock,
          onProgress: (ready, total) => shown.detail(`${ready} of ${total} ready`),
        });
      }
      shown.done('installed');
    }
  } catch (error) {
    for (const { shown } of steps.toReversed()) shown.failed();
    throw error;
  }
}
