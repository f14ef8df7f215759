import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { LateenError } from '@lateen/core';
import { fillIn } from './config-file.ts';
import { freePort, isInstalled, loadCore, PinnedProcess } from './pinned-process.ts';

/** How long each answer is. */
export const answerBytes = 1024;

/** Something that answers every request with {@link answerBytes} bytes. */
export interface Upstream {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts a server that is quicker than every contender: nginx where it is installed, else (HTTP/1.1 only) one of our own. */
export async function startUpstream(
  workDir: string,
  protocol: 'http1' | 'http2' = 'http1',
): Promise<Upstream> {
  if (protocol === 'http2' && !isInstalled('nginx')) {
    throw new LateenError('ENOPEER', 'nginx is not installed', { hint: 'apt-get install nginx' });
  }
  const port = await freePort();
  const started = isInstalled('nginx') ? startNginx(workDir, port, protocol) : startOwn(port);
  await started.answersOn(port);
  return { port, stop: () => started.stop() };
}

function startNginx(workDir: string, port: number, protocol: 'http1' | 'http2'): PinnedProcess {
  const template = fileURLToPath(new URL('upstream-nginx.conf', import.meta.url));
  const file = fillIn(template, workDir, {
    port,
    dir: workDir,
    body: 'x'.repeat(answerBytes),
    parameters: protocol === 'http2' ? ' http2' : '',
  });
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
