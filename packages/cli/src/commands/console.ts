import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { startConsole } from '@lateen/console';
import { lineLogger } from '@lateen/core';
import type { CommandContext, KubeOptions } from '../context.ts';
import { kubeMeshSource } from '../objects/mesh-source.ts';
import { openBrowser } from '../output/open-browser.ts';

interface Options extends KubeOptions {
  readonly port: number;
  readonly open: boolean;
}

/** `console`: the web page with the live graph of the mesh, until it is interrupted. */
export function consoleCommand(context: CommandContext): Command {
  const { programName, stdout, stderr, clock } = context;
  return new Command('console')
    .description(
      'Serves the web console: the live graph of the mesh, its traffic, its configuration and its proxies.',
    )
    .option('-p, --port <number>', 'port on the loopback; any that is free where left out', parsePort, 0)
    .option('--no-open', 'do not open a browser')
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', "the kubeconfig's context")
    .addHelpText(
      'after',
      `\nThe address carries a token; whoever has it can read the mesh.\n\nExamples:\n  ${programName} console\n  ${programName} console --port 8088 --no-open`,
    )
    .action(async ({ port, open, ...kube }: Options) => {
      const logger = lineLogger({ write: (line) => stderr.write(`${line}\n`), level: 'error', clock });
      const client = await context.kube(kube);
      try {
        await client.raw('GET', '/version');
        const source = await kubeMeshSource(client, { clock, logger });
        const pageDir = join(context.installationDir, 'dist/console');
        const running = await startConsole({ source, clock, logger, pageDir, port }).catch(async (error) => {
          await source.close();
          throw error;
        });
        stdout.write(`Console  ${context.style.link(running.url)}\n`);
        if (open && stdout.isTerminal) openBrowser(running.url);
        await interrupted();
        await Promise.all([running.close(), source.close()]);
      } finally {
        client.close();
      }
    });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('It must be a port: 0 to 65535.');
  }
  return port;
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
