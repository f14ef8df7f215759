import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
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

/** Writes until that fails, says why, and what is there then. */
const untilFull = `
  const { SqliteStore } = await import(process.argv[1]);
  const store = new SqliteStore({ file: process.argv[2] });
  const value = JSON.stringify('x'.repeat(50_000));
  const acknowledged = [];
  let reason;
  for (let n = 0; n < 1000 && reason === undefined; n++)
    try {
      if ((await store.create('/k/' + n, value)).ok) acknowledged.push('/k/' + n);
    } catch (error) {
      reason = error.message;
    }
  const { items } = await store.list('/k/');
  process.stdout.write(JSON.stringify({ reason, acknowledged, listed: items.map(({ key }) => key) }));
`;

test('a write that the disk has no room for says so, and nothing of before is lost', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-full-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'state.db');
  const module = import.meta.resolve('./sqlite-store.ts');
  const { stdout } = spawnSync(
    'sh',
    [
      '-c',
      'trap "" XFSZ; ulimit -f 2000; exec "$@"',
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      untilFull,
      module,
      file,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
  );
  const said = JSON.parse(stdout) as { reason?: string; acknowledged: string[]; listed: string[] };
  assert.match(said.reason ?? '', /disk/);
  assert.ok(said.acknowledged.length > 3);
  assert.deepEqual(said.listed.toSorted(), said.acknowledged.toSorted());
  const store = new SqliteStore({ file });
  for (const key of said.acknowledged) assert.ok(await store.get(key), key);
  assert.ok((await store.create('/k/again', '1')).ok);
  await store.close();
});

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
