import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { SqliteStore } from './sqlite-store.ts';

/** Writes without end and says each revision when it is acknowledged. */
const program = `
  import { writeSync } from 'node:fs';
  const { SqliteStore } = await import(process.argv[1]);
  const store = new SqliteStore({ file: process.argv[2] });
  const revisions = new Map();
  for (let n = 0; ; n++) {
    const key = '/k/' + (n % 7);
    const expected = revisions.get(key);
    const value = JSON.stringify({ n, filler: 'x'.repeat(5000) });
    const result = expected === undefined ? await store.create(key, value) : await store.update(key, value, expected);
    if (!result.ok) throw new Error(result.reason);
    revisions.set(key, result.revision);
    writeSync(1, key + ' ' + result.revision + ' ' + n + '\\n');
  }
`;

test('after kill -9 in the middle of writes every acknowledged write is there, whole', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-crash-'));
  try {
    const file = join(folder, 'state.db');
    for (const enough of [20, 300]) {
      rmSync(file, { force: true });
      rmSync(`${file}-wal`, { force: true });
      const module = import.meta.resolve('./sqlite-store.ts');
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, module, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const acknowledged = new Map<string, { revision: number; n: number }>();
      let newest = 0;
      const lines = createInterface({ input: child.stdout });
      lines.on('line', (line) => {
        const [key = '', revision, n] = line.split(' ');
        acknowledged.set(key, { revision: Number(revision), n: Number(n) });
        newest = Number(revision);
        if (Number(n) === enough) child.kill('SIGKILL');
      });
      await Promise.all([once(child, 'exit'), once(lines, 'close')]);
      const store = new SqliteStore({ file });
      assert.ok(store.revision() >= newest);
      for (const [key, { revision, n }] of acknowledged) {
        const found = await store.get(key);
        assert.ok(found !== undefined && found.revision >= revision);
        assert.ok((JSON.parse(found.value) as { n: number }).n >= n);
      }
      await store.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
