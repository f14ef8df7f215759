import { Command } from 'commander';
import { istioVersion } from '@lateen/config';
import { LateenError } from '@lateen/core';
import type { CommandContext, KubeOptions } from '../context.ts';
import { applyMesh } from '../install/install-mesh.ts';
import { installRequest, withInstallOptions, type InstallOptions } from '../install/install-options.ts';
import { installSteps } from '../install/render-install.ts';
import { resolveInstall } from '../install/resolve-install.ts';
import { confirm } from '../output/confirm.ts';
import { createProgress } from '../output/progress.ts';

interface Options extends InstallOptions, KubeOptions {
  readonly skipConfirmation?: boolean;
  readonly readinessTimeout: string;
}

/** `install`: writes the control plane and gateways and waits until they are ready. */
export function installCommand(context: CommandContext): Command {
  return withInstallOptions(new Command('install'))
    .description('Installs the control plane and the gateways into the cluster of the kubeconfig.')
    .option('-y, --skip-confirmation', 'do not ask')
    .option('--readiness-timeout <seconds>', 'how long each step may take to become ready', '300')
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', "the kubeconfig's context")
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.programName} install\n  ${context.programName} install --set profile=demo -y\n  ${context.programName} install --set meshConfig.accessLogFile=/dev/stdout`,
    )
    .action(async (options: Options) => {
      const installation = resolveInstall(await installRequest(options));
      const names = installSteps(installation).map(({ name }) => `"${name}"`);
      const client = await context.kube(options);
      await client.raw('GET', '/version');
      const question = `This will install the Istio ${istioVersion} profile "${installation.profile}" with [${names.join(' ')}] components into the cluster. Proceed?`;
      if (options.skipConfirmation !== true && !(await confirm(context, question))) {
        throw new LateenError('cli.cancelled', 'cancelled: nothing was installed');
      }
      await applyMesh(installation, {
        context,
        client,
        progress: createProgress(context.stdout, context.clock),
        timeoutMs: Number.parseInt(options.readinessTimeout, 10) * 1000,
      });
      client.close();
      const { style } = context;
      context.stdout.write(`${style.good('✔')} Installation complete\n\nNext:\n`);
      context.stdout.write(`  ${context.programName} verify-install\n`);
      context.stdout.write('  kubectl label namespace default istio-injection=enabled\n');
    });
}
