import { Command } from 'commander';
import { LateenError } from '@lateen/core';
import type { HttpKubeClient } from '@lateen/kube';
import type { CommandContext, KubeOptions } from '../context.ts';
import { discovery, type Discovery } from './discovery.ts';

/** The options that every command about objects has. */
export interface ObjectOptions extends KubeOptions {
  readonly namespace?: string;
}

/** What such a command works with. */
export interface ObjectScope {
  readonly client: HttpKubeClient;
  readonly discovery: Discovery;
  /** The namespace asked for, else that of the kubeconfig's context. */
  readonly namespace: string;
}

/** A command with `-n`, `--kubeconfig` and `--context`. */
export function kubeCommand(name: string): Command {
  return new Command(name)
    .option('-n, --namespace <name>', "namespace; default the kubeconfig's")
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', "the kubeconfig's context");
}

/** Connects as the options say. */
export async function openScope(context: CommandContext, options: ObjectOptions): Promise<ObjectScope> {
  const client = await context.kube(options);
  return {
    client,
    discovery: discovery(client),
    namespace: options.namespace ?? (await context.namespace(options)),
  };
}

/** `TYPE NAME…`, `TYPE/NAME…` or only `TYPE`, as kubectl's commands take them. */
export function parseTargets(words: readonly string[]): { readonly type: string; readonly name?: string }[] {
  const [first, ...rest] = words;
  if (first === undefined) throw new LateenError('cli.noType', 'say which kind of object, as in `get pods`');
  if (words.some((word) => word.includes('/'))) {
    return words.map((word) => {
      const [type = '', name = ''] = word.split('/', 2);
      if (type === '' || name === '') throw new LateenError('cli.badTarget', `"${word}" is not TYPE/NAME`);
      return { type, name };
    });
  }
  const types = first.split(',');
  if (rest.length === 0) return types.map((type) => ({ type }));
  return types.flatMap((type) => rest.map((name) => ({ type, name })));
}

/** `deployment.apps`, `service`: a kind as the messages of kubectl name it. */
export function shownKind(resource: { readonly kind: string; readonly group: string }): string {
  const kind = resource.kind.toLowerCase();
  return resource.group === '' ? kind : `${kind}.${resource.group}`;
}
