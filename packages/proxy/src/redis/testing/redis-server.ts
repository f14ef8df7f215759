import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@lateen/testkit/free-port';

import type { Closers } from '../../testing/harness.ts';

const missing = ['redis-server', 'redis-cli'].filter(
  (tool) => spawnSync(tool, ['--version']).error !== undefined,
);

/** The options of a test that needs Redis itself. */
export const withRedis = missing.length > 0 ? { skip: `${missing.join(', ')} not installed` } : {};

/** Starts a Redis server; answers with the port. */
export async function redisServer(test: Closers, more: readonly string[] = []): Promise<number> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'lateen-redis-'));
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...more];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  test.after(async () => {
    if (child.exitCode === null && child.kill()) await once(child, 'exit');
    rmSync(dir, { recursive: true });
  });
  let told = '';
  for await (const text of child.stdout) {
    told += String(text);
    if (told.includes('Ready to accept')) {
      child.stdout.resume();
      return port;
    }
  }
  throw new Error(`redis-server has ended:\n${told}`);
}
