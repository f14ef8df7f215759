// `npm test`: set-up, the gate (format, lint, types, unit tests), then the end-to-end tests.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { lateenNode, root, setupOrExit } from './setup.mjs';

setupOrExit('test');
const only = process.argv.slice(2);
const all = readdirSync(join(root, 'e2e')).filter((name) => name.endsWith('.test.ts'));
const tests = only.length > 0 ? only : all.sort().map((name) => `e2e/${name}`);

function run(args) {
  const result = spawnSync(lateenNode(), args, { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

if (only.length === 0) run(['scripts/check.mjs']);
run(['--test', '--test-concurrency=1', '--test-reporter=spec', ...tests]);
