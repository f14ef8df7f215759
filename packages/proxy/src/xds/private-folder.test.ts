import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { silentLogger } from '@lateen/core';
import { keyFolder } from './private-folder.ts';

function folderIn(t: TestContext, place: string): string {
  const folder = mkdtempSync(join(place, 'lateen-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function ask(folder: string): string {
  let reason = 'taken';
  const log = { ...silentLogger, info: (_: string, fields?: object) => (reason = Object(fields).reason) };
  const usable = keyFolder(folder, log);
  assert.equal(usable, reason === 'taken' ? folder : undefined);
  return reason;
}

test('keys may be in a folder in memory that nobody else may look into, and in no other', (t) => {
  const memory = folderIn(t, '/dev/shm');
  const keys = join(memory, 'below', 'keys');
  assert.equal(ask(keys), 'taken');
  assert.equal(statSync(keys).mode & 0o777, 0o700);
  assert.equal(ask(keys), 'taken');
  symlinkSync(keys, join(memory, 'link'));
  assert.equal(ask(join(memory, 'link')), 'it is no folder');
  chmodSync(keys, 0o710);
  assert.equal(ask(keys), 'others may look into it');
  // Beside the sources, which are not in memory.
  const onDisk = folderIn(t, fileURLToPath(new URL('.', import.meta.url)));
  assert.equal(ask(onDisk), 'it is not in memory');
  assert.match(ask('/dev/null/keys'), /ENOTDIR/);
});
