import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { fillIn } from './config-file.ts';
import { freePort, isInstalled, loadCore, PinnedProcess } from './pinned-process.ts';

/** How long each answer is. */
export const answerBytes = 1024;

/** Something that answers every request with {@link answerBytes} bytes. */
export interface Upstream {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts a server that is quicker than every contender: nginx where it is installed, else one of our own. */
export async function startUpstream(workDir: string): Promise<Upstream> {
  const port = await freePort();
  const started = isInstalled('nginx') ? startNginx(workDir, port) : startOwn(port);
  await started.answersOn(port);
  return { port, stop: () => started.stop() };
}

function startNginx(workDir: string, port: number): PinnedProcess {
  const template = fileURLToPath(new URL('upstream-nginx.conf', import.meta.url));
  const file = fillIn(template, workDir, { port, dir: workDir, body: 'x'.repeat(answerBytes) });
  return new PinnedProcess(loadCore, 'nginx', [
    '-c',
    file,
    '-p',
    workDir,
    '-e',
    join(workDir, 'upstream.log'),
  ]);
}

function startOwn(port: number): PinnedProcess {
  const program = fileURLToPath(new URL('fixed-answer-server.ts', import.meta.url));
  return new PinnedProcess(loadCore, process.execPath, [program, String(port), String(answerBytes)]);
}
