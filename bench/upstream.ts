import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { LateenError } from '@lateen/core';
import { freePort } from '@lateen/testkit/free-port';
import { fillIn } from './config-file.ts';
import { isInstalled, loadCore, PinnedProcess } from './pinned-process.ts';

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
  const template = fileURLToPath(new URL('upstream-nginx.conf', import.meta.url));
  if (isInstalled('nginx') || protocol === 'http2') {
    return startNginx(workDir, template, {
      body: 'x'.repeat(answerBytes),
      parameters: protocol === 'http2' ? ' http2' : '',
    });
  }
  const port = await freePort();
  const program = fileURLToPath(new URL('fixed-answer-server.ts', import.meta.url));
  const args = [program, String(port), String(answerBytes)];
  return upstreamOf(new PinnedProcess(loadCore, process.execPath, args), port);
}

/** Starts nginx on the load's core with a configuration; `{{port}}` and `{{dir}}` are filled in, and `values`. */
export async function startNginx(
  workDir: string,
  template: string,
  values: Readonly<Record<string, string>> = {},
): Promise<Upstream> {
  if (!isInstalled('nginx')) {
    throw new LateenError('ENOPEER', 'nginx is not installed', { hint: 'apt-get install nginx' });
  }
  const port = await freePort();
  const file = fillIn(template, workDir, { ...values, port, dir: workDir });
  const args = ['-c', file, '-p', workDir, '-e', join(workDir, 'upstream.log')];
  return upstreamOf(new PinnedProcess(loadCore, 'nginx', args), port);
}

async function upstreamOf(started: PinnedProcess, port: number): Promise<Upstream> {
  try {
    await started.answersOn(port);
  } catch (error) {
    await started.stop();
    throw error;
  }
  return { port, stop: () => started.stop() };
}
