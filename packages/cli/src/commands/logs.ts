import type { Command } from 'commander';
import { LateenError } from '@lateen/core';
import { objectPath, resources, withQuery, type Pod } from '@lateen/kube';
import type { CommandContext } from '../context.ts';
import { kubeCommand, openScope, type ObjectOptions } from '../objects/kube-command.ts';
import { choosePod } from '../objects/pods.ts';

interface Options extends ObjectOptions {
  readonly container?: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly selector?: string;
}

const secondsOf: Record<string, number> = { s: 1, m: 60, h: 3600 };

function parseSince(text: string): string {
  const [, count, unit = ''] = /^(\d+)([smh])$/.exec(text) ?? [];
  if (count === undefined)
    throw new LateenError('cli.badSince', `--since ${text} is no duration`, {
      hint: 'such as 30s, 5m or 1h',
    });
  return String(Number(count) * (secondsOf[unit] ?? 1));
}

/** `logs POD [CONTAINER]`. */
export function logsCommand(context: CommandContext): Command {
  return kubeCommand('logs')
    .description("Prints a container's log.")
    .argument('[pod]', 'POD, or TYPE/NAME such as deployment/web')
    .argument('[container]', 'container; default the one the pod names, else its first')
    .option('-c, --container <name>', 'container')
    .option('-f, --follow', 'go on printing')
    .option('-p, --previous', 'the instance before')
    .option('-l, --selector <labels>', 'the pod with these labels')
    .option('--timestamps', 'the time before each line')
    .option('--tail <lines>', 'only the last lines')
    .option('--since <duration>', 'only lines younger than, as 5m')
    .addHelpText('after', '\nExample:\n  lateen logs deploy/reviews-v1 -c istio-proxy --tail 20')
    .action(async (word: string | undefined, second: string | undefined, options: Options) => {
      const scope = await openScope(context, options);
      const pod: Pod = await choosePod(scope, word, options.selector);
      const container =
        options.container ??
        second ??
        pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'] ??
        pod.spec.containers[0]?.name;
      const path = withQuery(objectPath(resources.pods, pod.metadata.namespace, pod.metadata.name, 'log'), {
        container,
        follow: options.follow === true ? 'true' : undefined,
        previous: options.previous === true ? 'true' : undefined,
        timestamps: options.timestamps === true ? 'true' : undefined,
        tailLines: options.tail,
        sinceSeconds: options.since === undefined ? undefined : parseSince(options.since),
      });
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      await scope.client.lines(path, (line) => context.stdout.write(`${line}\n`), stop.signal);
    });
}
