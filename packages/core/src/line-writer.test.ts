import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';

const program = `
  const { lineWriter } = await import(process.argv[1]);
  process.on('uncaughtException', (error) => process.stdout.write(error.code));
  const write = lineWriter(process.stderr);
  write('one');
  setImmediate(() => {
    write('two');
    setImmediate(() => process.stdout.write('alive'));
  });
`;

test('lines that the disk has no room for are lost, and nothing else happens', () => {
  const full = openSync('/dev/full', 'w');
  const { stdout } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', program, import.meta.resolve('./line-writer.ts')],
    { stdio: ['ignore', 'pipe', full], encoding: 'utf8' },
  );
  closeSync(full);
  assert.equal(stdout, 'alive');
});
