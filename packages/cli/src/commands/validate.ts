import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { decodeConfig, locateProblems, parseManifests, type ConfigObject } from '@lateen/config';
import { LateenError, formatProblem, type Problem } from '@lateen/core';
import type { CommandContext } from '../context.ts';
import { manifestFiles, readAll } from '../objects/manifests.ts';

/** `validate -f`: every problem of the mesh's objects, with file, line and column. Exit code 1 where there is one. */
export function validateCommand(context: CommandContext): Command {
  return new Command('validate')
    .alias('v')
    .description("Checks the mesh's kinds in manifests, without a cluster.")
    .requiredOption('-f, --filename <path...>', 'file, folder, or - for standard input')
    .addHelpText('after', `\nExample:\n  ${context.programName} validate -f samples/bookinfo/networking`)
    .action(async ({ filename }: { readonly filename: string[] }) => {
      const found: Problem[] = [];
      let checked = 0;
      for (const file of await manifestFiles(filename)) {
        const text = file === '-' ? await readAll(context.stdin) : await readFile(file, 'utf8');
        const { documents, problems } = parseManifests(text, file === '-' ? 'stdin' : file);
        found.push(...problems);
        for (const document of documents) {
          // Kinds of other groups are the API server's to check.
          const [group = ''] = String(document.object['apiVersion']).split('/');
          if (!group.endsWith('.istio.io')) continue;
          checked++;
          const result = decodeConfig(document.object);
          const own = result.ok ? await problemsWithin(result.value) : result.problems;
          found.push(...locateProblems(document, own));
        }
      }
      for (const problem of found)
        context.stderr.write(`${context.style.bad('✘')} ${formatProblem(problem)}\n`);
      if (found.length > 0) {
        throw new LateenError(
          'cli.invalid',
          `${found.length} ${found.length === 1 ? 'problem' : 'problems'} in ${checked} objects`,
        );
      }
      context.stdout.write(`${context.style.good('✔')} ${checked} objects of the mesh are valid\n`);
    });
}

/** What is wrong with what is of Envoy: the messages of patches, whose types are loaded for the first EnvoyFilter. */
async function problemsWithin(config: ConfigObject): Promise<readonly Problem[]> {
  if (config.kind !== 'EnvoyFilter') return [];
  const { decodePatches, patchTypes } = await import('@lateen/control/envoy-filter');
  return decodePatches(config.spec, await patchTypes()).problems;
}
