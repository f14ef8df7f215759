import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { TestClock } from '@lateen/core';
import type { LogOptions } from '../node-agent.ts';
import { ContainerLog } from './container-log.ts';

const all: LogOptions = { follow: false, previous: false, timestamps: false };

function makeLog(t: TestContext): { log: ContainerLog; clock: TestClock } {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-log-'));
  const clock = new TestClock(Date.UTC(2026, 0, 1));
  const log = new ContainerLog(join(dir, 'c', '0.log'), clock);
  t.after(() => {
    log.end();
    rmSync(dir, { recursive: true });
  });
  return { log, clock };
}

test('a log that cannot be written is lost to nobody who follows it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-log-'));
  const log = new ContainerLog(join(dir, '0.log'), new TestClock(0));
  t.after(() => log.end());
  const followed: string[] = [];
  log.read({ ...all, follow: true }).on('data', (bytes: Buffer) => followed.push(bytes.toString()));
  // The next file of the log has no place to be.
  rmSync(dir, { recursive: true });
  const line = `${'x'.repeat(99)}\n`;
  for (let bytes = 0; bytes < 11 * 1024 * 1024; bytes += 1000 * line.length)
    log.write('stdout', Buffer.from(line.repeat(1000)));
  log.write('stdout', Buffer.from('last\n'));
  await new Promise(setImmediate);
  assert.equal(followed.at(-1)?.endsWith('last\n'), true);
});

test('lines are whole whatever the chunks were, and keep their time', async (t) => {
  const { log, clock } = makeLog(t);
  const bytes = Buffer.from('first\nsécond\nlast');
  log.write('stdout', bytes.subarray(0, 8));
  clock.advance(1000);
  log.write('stdout', bytes.subarray(8));
  log.write('stderr', Buffer.from('oops\n'));
  assert.equal(await text(log.read(all)), 'first\nsécond\noops\n');
  assert.equal(await text(log.read({ ...all, tailLines: 1 })), 'oops\n');
  assert.equal(await text(log.read({ ...all, sinceMs: clock.now() })), 'sécond\noops\n');
  assert.equal(
    await text(log.read({ ...all, timestamps: true, limitBytes: 37 })),
    '2026-01-01T00:00:00.000000000Z first\n',
  );
  log.end();
  assert.equal(await text(log.read({ ...all, tailLines: 1 })), 'last');
});

test('who follows sees each line once, before and after, until the container ends', async (t) => {
  const { log } = makeLog(t);
  log.write('stdout', Buffer.from('before\n'));
  const followed = text(log.read({ ...all, follow: true }));
  log.write('stdout', Buffer.from('after\n'));
  log.end();
  assert.equal(await followed, 'before\nafter\n');
});

test('a log that outgrows its file keeps the newest and never more than two files', async (t) => {
  const { log } = makeLog(t);
  const line = Buffer.from(`${'x'.repeat(1000)}\n`);
  for (let i = 0; i < 25_000; i++) log.write('stdout', line);
  log.write('stdout', Buffer.from('end\n'));
  const kept = await text(log.read(all));
  assert.ok(kept.length > 9 * 2 ** 20 && kept.length <= 20 * 2 ** 20, `${kept.length}`);
  assert.ok(kept.endsWith('end\n'));
});
