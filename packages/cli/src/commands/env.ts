import { join } from 'node:path';
import { Command } from 'commander';
import type { CommandContext } from '../context.ts';

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `env`: the lines that make a shell talk to the local cluster. */
export function envCommand(context: CommandContext): Command {
  return new Command('env')
    .description(
      "Prints the shell lines that put lateen and istioctl on PATH and name the local cluster's kubeconfig.",
    )
    .option('--data-dir <dir>', "the cluster's data directory", context.env.dataDir)
    .addHelpText('after', '\nExample:\n  eval "$(lateen env)"')
    .action((options: { readonly dataDir: string }) => {
      const programs = join(context.installationDir, 'node_modules/.bin');
      context.stdout.write(`export KUBECONFIG=${quoted(join(options.dataDir, 'kubeconfig'))}\n`);
      context.stdout.write(`export PATH=${quoted(programs)}:"$PATH"\n`);
    });
}
