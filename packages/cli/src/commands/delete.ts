import type { Command } from 'commander';
import { LateenError } from '@lateen/core';
import { isStatus, type Resource } from '@lateen/kube';
import type { CommandContext } from '../context.ts';
import {
  kubeCommand,
  openScope,
  parseTargets,
  shownKind,
  type ObjectOptions,
} from '../objects/kube-command.ts';
import { readManifests } from '../objects/manifests.ts';

interface Options extends ObjectOptions {
  readonly filename?: string[];
  readonly selector?: string;
  readonly all?: boolean;
  readonly ignoreNotFound?: boolean;
}

interface Target {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** `delete -f FILE` and `delete TYPE NAME…`. */
export function deleteCommand(context: CommandContext): Command {
  return kubeCommand('delete')
    .description('Deletes objects by name, by label, or those of a manifest.')
    .argument('[target...]', 'TYPE NAME…, TYPE/NAME…, or TYPE with -l or --all')
    .option('-f, --filename <path...>', 'file, folder, or - for standard input')
    .option('-l, --selector <labels>', 'objects with these labels')
    .option('--all', 'all objects of the type in the namespace')
    .option('--ignore-not-found', 'an object that is not there is no error')
    .addHelpText(
      'after',
      '\nExamples:\n  lateen delete virtualservice reviews\n  lateen delete -f rules.yaml',
    )
    .action(async (words: string[], options: Options) => {
      const scope = await openScope(context, options);
      const targets: Target[] = [];
      if (options.filename !== undefined) {
        for (const object of await readManifests(options.filename, context.stdin)) {
          const resource = await scope.discovery.byKind(object.apiVersion, object.kind);
          const namespace = resource.namespaced ? (object.metadata.namespace ?? scope.namespace) : undefined;
          targets.push({ resource, namespace, name: object.metadata.name });
        }
      } else {
        for (const { type, name } of parseTargets(words)) {
          const resource = await scope.discovery.byWord(type);
          const namespace = resource.namespaced ? scope.namespace : undefined;
          if (name !== undefined) targets.push({ resource, namespace, name });
          else if (options.selector !== undefined || options.all === true) {
            const { items } = await scope.client.list(resource, {
              ...(namespace === undefined ? {} : { namespace }),
              ...(options.selector === undefined ? {} : { labelSelector: options.selector }),
            });
            for (const item of items) targets.push({ resource, namespace, name: item.metadata.name });
          } else throw new LateenError('cli.noName', 'resource(s) were provided, but no name was specified');
        }
      }
      for (const { resource, namespace, name } of targets) {
        try {
          await scope.client.delete(resource, namespace, name, { propagationPolicy: 'Background' });
          context.stdout.write(`${shownKind(resource)} "${name}" deleted\n`);
        } catch (error) {
          if (options.ignoreNotFound !== true || !isStatus(error, 'NotFound')) throw error;
        }
      }
    });
}
