import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a script ended and what it printed. */
export interface ShellResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a script is run. */
export interface ShellOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Given on standard input. */
  readonly input?: string;
  /** Killed after so long; default 120,000 ms. */
  readonly timeoutMs?: number;
}

/** Runs a bash script, whatever its outcome. */
export async function tryShell(script: string, options: ShellOptions = {}): Promise<ShellResult> {
  const child = spawn('bash', ['-c', `set -uo pipefail\n${script}`], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 120_000,
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return {
    code: code ?? 137,
    stdout: Buffer.concat(stdout).toString('utf8'),
    stderr: Buffer.concat(stderr).toString('utf8'),
  };
}

/** Runs a bash script that must succeed; gives what it printed, without the last line's end. */
export async function shell(script: string, options: ShellOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryShell(script, options);
  if (code !== 0)
    throw new Error(`exit code ${code} of:\n${script}\n--- stdout\n${stdout}--- stderr\n${stderr}`);
  return stdout.trimEnd();
}
