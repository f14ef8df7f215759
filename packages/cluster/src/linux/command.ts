import { spawn } from 'node:child_process';
import { LateenError } from '@lateen/core';

export interface CommandOptions {
  /** Written to its standard input. */
  readonly input?: string;
  /** How the child is started; default node's own `spawn`. */
  readonly start?: typeof spawn;
}

/** Runs a program; resolves with what it printed, rejects with a LateenError that carries what it complained. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = (options.start ?? spawn)(file, [...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    // A program that does not read its input ends the pipe early; its exit code tells the rest.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.once('error', (cause) => {
      reject(new LateenError('linux.command', `${file} could not be started: ${cause.message}`, { cause }));
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out);
      else {
        const what = complaint.trim() || `ended with ${signal ?? `code ${code}`}`;
        reject(new LateenError('linux.command', `${[file, ...args].join(' ')}: ${what}`));
      }
    });
  });
}
