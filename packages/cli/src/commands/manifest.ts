import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { formatManifests } from '@lateen/config';
import type { CommandContext } from '../context.ts';
import { installRequest, withInstallOptions, type InstallOptions } from '../install/install-options.ts';
import { renderInstall } from '../install/render-install.ts';
import { resolveInstall } from '../install/resolve-install.ts';

/** `manifest generate`: the objects of an installation as YAML. */
export function manifestCommand(context: CommandContext): Command {
  const generate = withInstallOptions(new Command('generate'))
    .description('Prints every object of an installation, for `kubectl apply -f -` or `kubectl delete -f -`.')
    .addHelpText(
      'after',
      `\nExample:\n  ${context.programName} manifest generate --set profile=demo | kubectl apply -f -`,
    )
    .action(async (options: InstallOptions) => {
      const installation = resolveInstall(await installRequest(options));
      context.stdout.write(formatManifests(renderInstall(installation)));
    });
  const chart = new Command('chart')
    .description('Writes a Helm chart of an installation into a folder.')
    .argument('<folder>', 'where to write; made where it is missing')
    .addHelpText('after', `\nExample:\n  ${context.programName} manifest chart lateen-chart`)
    .action(async (folder: string) => {
      const { helmChart } = await import('../install/chart/helm-chart.ts');
      for (const { path, text } of helmChart()) {
        const file = join(folder, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
      context.stdout.write(
        `${context.style.good('✔')} ${folder} holds the chart: helm install lateen ${folder} -n istio-system --create-namespace\n`,
      );
    });
  return new Command('manifest')
    .description('The manifests of an installation.')
    .addCommand(generate)
    .addCommand(chart);
}
