import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { codeOf, formatProblem, LateenError } from '@lateen/core';
import { decodeImageMap, type ImageMap } from '@lateen/cluster';
import { parse, stringify } from 'yaml';
import type { CommandContext } from '../context.ts';
import { alignColumns } from '../output/table.ts';

interface Options {
  readonly dataDir: string;
  readonly output?: 'json' | 'yaml';
  readonly env?: string[];
}

/** `images map NAME -- COMMAND`, `images unmap NAME`, `images list`. */
export function imagesCommand(context: CommandContext): Command {
  const withDataDir = (command: Command): Command =>
    command.option('--data-dir <dir>', "the cluster's data directory", context.env.dataDir);
  const map = withDataDir(new Command('map'))
    .description(
      'Says which command of this machine runs for an image; a * at the end of the name stands for anything.',
    )
    .argument('<name>', 'image, with or without registry and tag')
    .argument('<command...>', 'the command, after --')
    .option('-e, --env <name=value...>', 'environment variables')
    .addHelpText(
      'after',
      '\nExample:\n  lateen images map example.com/shop/cart:1.4 -- node /home/me/cart/server.js',
    )
    .action(async (name: string, command: string[], options: Options) => {
      const env = Object.fromEntries((options.env ?? []).map(parseVariable));
      await change(options.dataDir, (entries) => {
        entries[name] = Object.keys(env).length === 0 ? command : { command, env };
      });
      context.stdout.write(`${name} runs ${command.join(' ')}; pods that wait for it start within seconds\n`);
    });
  const unmap = withDataDir(new Command('unmap'))
    .description('Forgets what was said of an image.')
    .argument('<name>', 'image, as it was mapped')
    .action(async (name: string, options: Options) => {
      await change(options.dataDir, (entries) => {
        if (!Object.hasOwn(entries, name)) throw new LateenError('cli.notMapped', `${name} is not mapped`);
        delete entries[name];
      });
      context.stdout.write(`${name} is no longer mapped\n`);
    });
  const list = withDataDir(new Command('list'))
    .description('Lists the images that were mapped.')
    .addOption(new Option('-o, --output <format>', 'for programs').choices(['json', 'yaml']))
    .action(async (options: Options) => {
      const { images } = await read(options.dataDir);
      if (options.output !== undefined) {
        const value = Object.fromEntries(images);
        context.stdout.write(
          options.output === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : stringify(value),
        );
        return;
      }
      const lines = [...images].map(([name, { command }]) => [name, command.join(' ')]);
      context.stdout.write(
        lines.length === 0 ? 'no image is mapped\n' : alignColumns([['IMAGE', 'COMMAND'], ...lines]),
      );
    });
  return new Command('images')
    .description(
      'Which program a container image runs as. The samples, and images whose container has a command, need no entry.',
    )
    .addCommand(map)
    .addCommand(unmap)
    .addCommand(list);
}

function parseVariable(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new LateenError('cli.badVariable', `--env ${text} is not NAME=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function fileOf(dataDir: string): string {
  return join(dataDir, 'images.yaml');
}

async function read(dataDir: string): Promise<{ readonly text: string; readonly images: ImageMap }> {
  const file = fileOf(dataDir);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  });
  const images = await decodeImageMap(text, file);
  if (!images.ok) throw new LateenError('cli.badImageMap', images.problems.map(formatProblem).join('\n'));
  return { text, images: images.value };
}

/** Changes the file in one step, so that a reader sees the old one or the new one. */
async function change(dataDir: string, edit: (entries: Record<string, unknown>) => void): Promise<void> {
  const { text } = await read(dataDir);
  const entries = ((text === '' ? undefined : parse(text)) ?? {}) as Record<string, unknown>;
  edit(entries);
  const file = fileOf(dataDir);
  await writeFile(`${file}.new`, stringify(entries), { mode: 0o600 }).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new LateenError('cli.noDataDir', `there is no data directory ${dataDir}`, {
      hint: 'start a cluster with `lateen up` first, or name it with --data-dir',
    });
  });
  await rename(`${file}.new`, file);
}
