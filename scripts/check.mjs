// The gate before every commit: format, lint (with the boundaries between packages), types, unit tests.
// `npm run check -- --fix` formats first. `npm run check -- packages/proxy` runs only the unit tests below a folder.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import process from 'node:process';

const args = process.argv.slice(2);
const fix = args.includes('--fix');
const roots = args.filter((a) => !a.startsWith('--'));
const tests = (roots.length > 0 ? roots : ['packages', 'samples', 'bench', 'compare'])
  .flatMap((root) => globSync(`${root}/**/*.test.ts`))
  .filter((file) => !file.includes('node_modules'))
  .sort();

const steps = [
  ['format', 'biome', ['format', ...(fix ? ['--write'] : []), '.']],
  ['lint and boundaries', 'oxlint', ['--type-aware']],
  ['types', 'tsc', ['--noEmit']],
  ['types of the page', 'tsc', ['--noEmit', '-p', 'packages/console/page']],
  [
    'unit tests',
    'node',
    [
      '--test',
      '--test-reporter=dot',
      '--test-timeout=120000',
      `--test-concurrency=${availableParallelism()}`,
      ...tests,
    ],
  ],
];

// What Node has compiled, types stripped, is kept from file to file and from run to run.
const env = { ...process.env, NODE_COMPILE_CACHE: 'node_modules/.cache/compile' };
const started = Date.now();
for (const [name, command, commandArgs] of steps) {
  const begun = Date.now();
  const run = spawnSync(`node_modules/.bin/${command}`, commandArgs, { stdio: 'inherit', env });
  if (run.status !== 0) {
    console.error(`check: ${name} failed`);
    process.exit(run.status ?? 1);
  }
  console.log(`check: ${name} passed in ${((Date.now() - begun) / 1000).toFixed(1)} s`);
}
console.log(`check: all passed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
