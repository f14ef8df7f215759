import { spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { loadCore } from '../pinned-process.ts';

/** Connections that are open and on which nothing happens. */
export interface HeldConnections {
  /** Closes them all; resolves when their process has ended. */
  release(): Promise<void>;
}

/** Opens connections from the load's core, each with one request answered by 200. */
export function holdConnections(
  port: number,
  connections: number,
  request: string,
): Promise<HeldConnections> {
  const program = fileURLToPath(new URL('hold.ts', import.meta.url));
  const args = [
    '-c',
    String(loadCore),
    process.execPath,
    program,
    String(port),
    String(connections),
    request,
  ];
  const child = spawn('taskset', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  return new Promise((resolve, reject) => {
    void ended.then(() => reject(new Error(`the load ended: ${errors}`)));
    child.stdout.once('data', () =>
      resolve({
        release() {
          child.stdin.end();
          return ended;
        },
      }),
    );
  });
}
