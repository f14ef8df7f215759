import type { Command } from 'commander';
import { LateenError } from '@lateen/core';
import type { CommandContext } from '../context.ts';
import {
  kubeCommand,
  openScope,
  parseTargets,
  shownKind,
  type ObjectOptions,
} from '../objects/kube-command.ts';

/** `label TYPE NAME KEY=VALUE KEY-`. */
export function labelCommand(context: CommandContext): Command {
  return kubeCommand('label')
    .description('Sets labels (KEY=VALUE) and removes them (KEY-).')
    .argument('<words...>', 'TYPE NAME KEY=VALUE…')
    .option('--overwrite', 'change a label that has another value')
    .addHelpText('after', '\nExample:\n  lateen label namespace default istio-injection=enabled')
    .action(async (words: string[], options: ObjectOptions & { readonly overwrite?: boolean }) => {
      const changes = words.filter((word) => word.includes('=') || word.endsWith('-'));
      const [target] = parseTargets(words.filter((word) => !changes.includes(word)));
      if (target?.name === undefined || changes.length === 0) {
        throw new LateenError(
          'cli.badLabel',
          'say which object and which labels, as in `label pod web tier=front`',
        );
      }
      const scope = await openScope(context, options);
      const resource = await scope.discovery.byWord(target.type);
      const namespace = resource.namespaced ? scope.namespace : undefined;
      const { metadata } = await scope.client.get(resource, namespace, target.name);
      const labels: Record<string, string | null> = {};
      for (const change of changes) {
        const at = change.indexOf('=');
        const key = at < 0 ? change.slice(0, -1) : change.slice(0, at);
        const value = at < 0 ? null : change.slice(at + 1);
        const present = metadata.labels?.[key];
        if (value !== null && present !== undefined && present !== value && options.overwrite !== true) {
          throw new LateenError(
            'cli.labelExists',
            `'${key}' already has a value (${present}), and --overwrite is false`,
          );
        }
        labels[key] = value;
      }
      await scope.client.patch(resource, namespace, target.name, 'merge', { metadata: { labels } });
      context.stdout.write(`${shownKind(resource)}/${target.name} labeled\n`);
    });
}
