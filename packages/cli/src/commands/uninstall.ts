import { Command } from 'commander';
import { LateenError } from '@lateen/core';
import type { CommandContext, KubeOptions } from '../context.ts';
import { removeMesh } from '../install/remove-mesh.ts';
import { confirm } from '../output/confirm.ts';

interface Options extends KubeOptions {
  readonly purge?: boolean;
  readonly revision?: string;
  readonly skipConfirmation?: boolean;
}

/** `uninstall`: removes what an installation wrote. CRDs, and the users' configuration with them, stay. */
export function uninstallCommand(context: CommandContext): Command {
  return new Command('uninstall')
    .description('Removes the control plane and the gateways. The CRDs and what was made of them stay.')
    .option('--purge', 'every control plane, and what they share')
    .option('-r, --revision <name>', 'only the control plane of this revision')
    .option('-y, --skip-confirmation', 'do not ask')
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', "the kubeconfig's context")
    .addHelpText('after', `\nExample:\n  ${context.programName} uninstall --purge -y`)
    .action(async (options: Options) => {
      if (options.purge !== true && options.revision === undefined) {
        throw new LateenError('cli.noTarget', 'say what to remove: --purge or --revision NAME');
      }
      const client = await context.kube(options);
      const question =
        options.revision === undefined
          ? 'All control planes and gateways will be removed from the cluster. Proceed?'
          : `The control plane of revision ${options.revision} will be removed from the cluster. Proceed?`;
      if (options.skipConfirmation !== true && !(await confirm(context, question))) {
        throw new LateenError('cli.cancelled', 'cancelled: nothing was removed');
      }
      await removeMesh(client, options.revision, (shown) => context.stdout.write(`  Removed ${shown}\n`));
      client.close();
      context.stdout.write(`${context.style.good('✔')} Uninstall complete\n`);
      context.stdout.write(
        '  The CRDs are still there: `kubectl get crd -o name | grep istio.io` lists them.\n',
      );
    });
}
