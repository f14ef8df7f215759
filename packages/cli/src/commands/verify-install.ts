import { Command, Option } from 'commander';
import { LateenError } from '@lateen/core';
import { formatManifest } from '@lateen/config';
import type { CommandContext, KubeOptions } from '../context.ts';
import { installRequest, withInstallOptions, type InstallOptions } from '../install/install-options.ts';
import { findInstalled } from '../install/installed.ts';
import { verifyMesh } from '../install/verify-mesh.ts';

interface Options extends InstallOptions, KubeOptions {
  readonly output?: 'json' | 'yaml';
}

/** `verify-install`: every object of an installation, with what is missing. Exit code 1 where something is. */
export function verifyInstallCommand(context: CommandContext): Command {
  return withInstallOptions(new Command('verify-install'))
    .description(
      'Checks that every object of an installation is in the cluster and its Deployments are available.',
    )
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', "the kubeconfig's context")
    .addOption(new Option('-o, --output <format>', 'for programs').choices(['json', 'yaml']))
    .addHelpText('after', `\nExample:\n  ${context.programName} verify-install --set profile=demo`)
    .action(async (options: Options) => {
      const client = await context.kube(options);
      const installation = await findInstalled(client, await installRequest(options));
      const checked = await verifyMesh(client, installation);
      client.close();
      const bad = checked.filter(({ problem }) => problem !== undefined);
      if (options.output !== undefined) {
        const text =
          options.output === 'json' ? `${JSON.stringify(checked, undefined, 2)}\n` : formatManifest(checked);
        context.stdout.write(text);
        if (bad.length > 0) context.exit(1);
        return;
      }
      const { style } = context;
      context.stdout.write(
        `1 Istio control planes detected, checking --revision "${installation.revision}" only\n`,
      );
      for (const { kind, name, namespace, problem } of checked) {
        const shown = `${kind}: ${name}.${namespace}`;
        context.stdout.write(
          problem === undefined
            ? `${style.good('✔')} ${shown} checked successfully\n`
            : `${style.bad('✘')} ${shown}: ${problem}\n`,
        );
      }
      const count = (kind: string): number => checked.filter((object) => object.kind === kind).length;
      context.stdout.write(`Checked ${count('CustomResourceDefinition')} custom resource definitions\n`);
      context.stdout.write(`Checked ${count('Deployment')} Istio Deployments\n`);
      if (bad.length > 0) {
        throw new LateenError(
          'install.incomplete',
          `${bad.length} of ${checked.length} objects are missing or not ready`,
          {
            hint: `\`${context.programName} install\` writes what is missing`,
          },
        );
      }
      context.stdout.write(`${style.good('✔')} Istio is installed and verified successfully\n`);
    });
}
