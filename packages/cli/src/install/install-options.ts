import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parseManifests } from '@lateen/config';
import { LateenError, formatProblem } from '@lateen/core';
import { profileNames } from './profiles.ts';
import type { InstallRequest } from './resolve-install.ts';

/** Options of every command that says what an installation consists of. */
export interface InstallOptions {
  readonly set: string[];
  readonly filename?: string[];
  readonly revision?: string;
}

/** Adds `--set`, `-f` and `--revision` to a command. */
export function withInstallOptions(command: Command): Command {
  return command
    .option(
      '-s, --set <path=value>',
      `a setting, as profile=demo (${profileNames.join(', ')}) or meshConfig.accessLogFile=/dev/stdout; may come more than once`,
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option('-f, --filename <file...>', 'IstioOperator files, the later over the earlier')
    .option('-r, --revision <name>', 'revision of the control plane');
}

/** What the options ask for; throws a LateenError where a file cannot be read. */
export async function installRequest(
  options: InstallOptions,
): Promise<InstallRequest & { readonly settings: string[] }> {
  const operators: unknown[] = [];
  for (const file of options.filename ?? []) {
    const text = await readFile(file, 'utf8').catch((error: Error) => {
      throw new LateenError('cli.noFile', `cannot read ${file}: ${error.message}`);
    });
    const { documents, problems } = parseManifests(text, file);
    if (problems.length > 0) throw new LateenError('cli.badManifest', problems.map(formatProblem).join('\n'));
    operators.push(...documents.map(({ object }) => object));
  }
  return {
    settings: options.set,
    operators,
    ...(options.revision === undefined ? {} : { revision: options.revision }),
  };
}
