import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { applyObjects } from '../objects/apply-objects.ts';
import { kubeCommand, openScope, type ObjectOptions } from '../objects/kube-command.ts';
import { readManifests } from '../objects/manifests.ts';

interface Options extends ObjectOptions {
  readonly filename?: string[];
  readonly dryRun?: boolean;
}

/** `apply -f`: server-side apply of every object, in order. */
export function applyCommand(context: CommandContext): Command {
  return kubeCommand('apply')
    .description(
      'Creates or changes the objects of files, folders or standard input (-), by server-side apply.',
    )
    .option('-f, --filename <path...>', 'file, folder, or - for standard input')
    .option('--dry-run', 'ask the server whether it would work, and change nothing')
    .addHelpText(
      'after',
      '\nExample:\n  lateen apply -f samples/bookinfo/platform/kube/bookinfo.yaml -n bookinfo',
    )
    .action(async (options: Options) => {
      const scope = await openScope(context, options);
      const objects = await readManifests(options.filename ?? [], context.stdin);
      const note = options.dryRun === true ? ' (server dry run)' : '';
      await applyObjects(scope.client, objects, {
        namespace: scope.namespace,
        discovery: scope.discovery,
        dryRun: options.dryRun ?? false,
        onApplied: ({ shownName, outcome }) => context.stdout.write(`${shownName} ${outcome}${note}\n`),
      });
    });
}
