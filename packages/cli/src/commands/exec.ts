import type { Command } from 'commander';
import { LateenError } from '@lateen/core';
import { objectPath, resources, type HttpKubeClient } from '@lateen/kube';
import type { CommandContext } from '../context.ts';
import { kubeCommand, openScope, type ObjectOptions } from '../objects/kube-command.ts';
import { choosePod } from '../objects/pods.ts';
import { channel, exitCode, type Outcome } from '../objects/remote-command.ts';

interface Options extends ObjectOptions {
  readonly container?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

/** `exec POD -c C -- COMMAND`, over the API's WebSocket (`v5.channel.k8s.io`). */
export function execCommand(context: CommandContext): Command {
  return kubeCommand('exec')
    .description('Runs a command in a container; its exit code is this one.')
    .argument('<pod>', 'POD, or TYPE/NAME such as deployment/web')
    .argument('<command...>', 'the command, after --')
    .option('-c, --container <name>', 'container')
    .option('-i, --stdin', 'pass standard input')
    .option('-t, --tty', 'give it a terminal')
    .addHelpText('after', '\nExample:\n  lateen exec -it deploy/sleep -- sh')
    .action(async (word: string, command: string[], options: Options) => {
      const scope = await openScope(context, options);
      const pod = await choosePod(scope, word, undefined);
      const tty = options.tty === true && context.stdin.isTTY;
      const container =
        options.container ??
        pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'] ??
        pod.spec.containers[0]?.name ??
        '';
      const query = new URLSearchParams({ container, stdout: 'true' });
      if (options.stdin === true) query.set('stdin', 'true');
      if (tty) query.set('tty', 'true');
      else query.set('stderr', 'true');
      for (const part of command) query.append('command', part);
      const path = objectPath(resources.pods, pod.metadata.namespace, pod.metadata.name, 'exec');
      context.exit(
        await run(context, await scope.client.webSocket(`${path}?${query}`), options.stdin === true, tty),
      );
    });
}

async function run(
  context: CommandContext,
  target: Awaited<ReturnType<HttpKubeClient['webSocket']>>,
  withStdin: boolean,
  tty: boolean,
): Promise<number> {
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(target.url, 'v5.channel.k8s.io', target.options);
  const send = (id: number, bytes: Buffer | string): void => {
    if (socket.readyState === socket.OPEN)
      socket.send(Buffer.concat([Buffer.from([id]), Buffer.from(bytes)]));
  };
  const sendSize = (): void =>
    send(channel.resize, JSON.stringify({ Width: process.stdout.columns, Height: process.stdout.rows }));
  return new Promise<number>((resolve, reject) => {
    let outcome: Outcome | undefined;
    const finish = (settle: () => void): void => {
      if (tty) context.stdin.setRawMode(false);
      context.stdin.pause();
      settle();
    };
    socket.on('open', () => {
      if (tty) {
        context.stdin.setRawMode(true);
        sendSize();
        process.stdout.on('resize', sendSize);
      }
      if (!withStdin) return;
      context.stdin.on('data', (chunk: Buffer) => send(channel.stdin, chunk));
      context.stdin.on('end', () => send(channel.close, Buffer.from([channel.stdin])));
    });
    socket.on('message', (data: Buffer) => {
      const bytes = data.subarray(1);
      if (data[0] === channel.stdout) process.stdout.write(bytes);
      else if (data[0] === channel.stderr) process.stderr.write(bytes);
      else if (data[0] === channel.error) outcome = JSON.parse(bytes.toString('utf8')) as Outcome;
    });
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('close', () =>
      finish(() => {
        try {
          if (outcome === undefined)
            throw new LateenError('cli.execFailed', 'the connection ended before the command did');
          resolve(exitCode(outcome));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      }),
    );
  });
}
