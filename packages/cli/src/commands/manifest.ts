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
  return new Command('manifest').description('The manifests of an installation.').addCommand(generate);
}
