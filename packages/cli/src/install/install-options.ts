import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { isObject, parseManifests } from '@lateen/config';
import { LateenError, formatProblem } from '@lateen/core';
import { profileNames, type InstallInput } from './install-values.ts';

/** Options of every command that says what an installation consists of. */
export interface InstallOptions {
  readonly set: string[];
  readonly filename?: string;
}

/** Adds `--set` and `-f` to a command. */
export function withInstallOptions(command: Command): Command {
  return command
    .option(
      '-s, --set <path=value>',
      `a setting, as profile=demo (${profileNames.join(', ')}) or meshConfig.accessLogFile=/dev/stdout; may come more than once`,
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option('-f, --filename <file>', 'an IstioOperator file');
}

/** What the options say; throws a LateenError where the file is no IstioOperator. */
export async function installInput(options: InstallOptions): Promise<InstallInput> {
  if (options.filename === undefined) return { settings: options.set };
  const text = await readFile(options.filename, 'utf8').catch((error: Error) => {
    throw new LateenError('cli.noFile', `cannot read ${options.filename}: ${error.message}`);
  });
  const { documents, problems } = parseManifests(text, options.filename);
  if (problems.length > 0) throw new LateenError('cli.badManifest', problems.map(formatProblem).join('\n'));
  const operator = documents.find(({ object }) => isObject(object) && object['kind'] === 'IstioOperator');
  if (operator === undefined) {
    throw new LateenError('cli.badManifest', `${options.filename} holds no object of kind IstioOperator`);
  }
  return { settings: options.set, operatorSpec: operator.object['spec'] };
}
