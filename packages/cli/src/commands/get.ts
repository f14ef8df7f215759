import type { Command } from 'commander';
import { LateenError } from '@lateen/core';
import { collectionPath, objectPath, withQuery, type KubeObject, type Resource } from '@lateen/kube';
import { stringify } from 'yaml';
import type { CommandContext } from '../context.ts';
import {
  kubeCommand,
  openScope,
  parseTargets,
  shownKind,
  type ObjectOptions,
  type ObjectScope,
} from '../objects/kube-command.ts';
import { formatTable, type ServerTable } from '../output/table.ts';

interface Options extends ObjectOptions {
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly output?: string;
  readonly watch?: boolean;
}

const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
const formats = ['wide', 'json', 'yaml', 'name'];

/** `get TYPE [NAME]`: the server's own table, or the objects as JSON, YAML or names. */
export function getCommand(context: CommandContext): Command {
  return kubeCommand('get')
    .description('Lists objects: pods, services, virtualservices, …')
    .argument('<target...>', 'TYPE, TYPE NAME… or TYPE/NAME…')
    .option('-A, --all-namespaces', 'in every namespace')
    .option('-l, --selector <labels>', 'only objects with these labels')
    .option('-o, --output <format>', formats.join('|'))
    .option('-w, --watch', 'go on showing changes')
    .addHelpText('after', '\nExamples:\n  lateen get pods -A\n  lateen get virtualservice reviews -o yaml')
    .action(async (words: string[], options: Options) => {
      if (options.output !== undefined && !formats.includes(options.output)) {
        throw new LateenError('cli.badFormat', `-o ${options.output} is not known`, {
          hint: `it is one of ${formats.join(', ')}`,
        });
      }
      const scope = await openScope(context, options);
      const targets = parseTargets(words);
      let empty = true;
      for (const { type, name } of targets) {
        const resource = await scope.discovery.byWord(type);
        const shown = await show(context, scope, resource, name, options, targets.length > 1);
        empty &&= !shown;
      }
      if (empty && options.output === undefined) {
        context.stderr.write(
          options.allNamespaces === true
            ? 'No resources found\n'
            : `No resources found in ${scope.namespace} namespace.\n`,
        );
      }
    });
}

async function show(
  context: CommandContext,
  scope: ObjectScope,
  resource: Resource,
  name: string | undefined,
  options: Options,
  several: boolean,
): Promise<boolean> {
  const namespace = resource.namespaced && options.allNamespaces !== true ? scope.namespace : undefined;
  const query = { labelSelector: options.selector };
  const base =
    name === undefined ? collectionPath(resource, namespace) : objectPath(resource, namespace, name);
  const path = withQuery(base, query);
  if (options.output === 'json' || options.output === 'yaml' || options.output === 'name') {
    const answer = (await scope.client.raw('GET', path)) as KubeObject;
    const items = (answer['items'] as KubeObject[] | undefined) ?? [answer];
    if (options.output === 'name') {
      for (const item of items) context.stdout.write(`${shownKind(resource)}/${item.metadata.name}\n`);
    } else {
      const text =
        options.output === 'json' ? `${JSON.stringify(answer, undefined, 2)}\n` : stringify(answer);
      context.stdout.write(text);
    }
    return items.length > 0;
  }
  const table = (await scope.client.call({ method: 'GET', path, accept: tableType })) as ServerTable;
  const layout = {
    wide: options.output === 'wide',
    withNamespace: resource.namespaced && options.allNamespaces === true,
    prefix: several ? `${shownKind(resource)}/` : '',
  };
  context.stdout.write(formatTable(table, layout));
  if (options.watch === true) await watch(context, scope, resource, name, namespace, options, layout, table);
  return table.rows.length > 0;
}

async function watch(
  context: CommandContext,
  scope: ObjectScope,
  resource: Resource,
  name: string | undefined,
  namespace: string | undefined,
  options: Options,
  layout: Parameters<typeof formatTable>[1],
  table: ServerTable,
): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const selection = {
    ...(namespace === undefined ? {} : { namespace }),
    ...(options.selector === undefined ? {} : { labelSelector: options.selector }),
    ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
    resourceVersion: table.metadata?.resourceVersion ?? '',
  };
  let changed = Promise.resolve();
  await scope.client.watch<KubeObject>(
    resource,
    selection,
    (event) => {
      if (event.type === 'BOOKMARK') return;
      const { name: one, namespace: where } = event.object.metadata;
      changed = changed.then(async () => {
        const path = objectPath(resource, where, one);
        const row = await scope.client
          .call({ method: 'GET', path, accept: tableType })
          .catch(() => undefined);
        if (row !== undefined) context.stdout.write(formatTable(row as ServerTable, layout, false));
      });
    },
    stop.signal,
  );
  await changed;
}
