import { basename, dirname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { runOnRequiredNode } from '@lateen/core';
import { createContext, type Output } from './context.ts';
import { cliEnvironment } from './env.ts';
import { runProgram } from './program.ts';

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => void stream.write(text),
    isTerminal: stream.isTTY,
    columns: stream.columns ?? 80,
  };
}

/** `dist/lateen.mjs` lies one folder below the installation, this source three below. */
function installationDir(): string {
  const folder = dirname(fileURLToPath(import.meta.url));
  return basename(folder) === 'dist' ? dirname(folder) : dirname(dirname(dirname(folder)));
}

// A reader that goes away early, as `| head` does, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

async function run(args: readonly string[]): Promise<number> {
  const environment = cliEnvironment();
  let exitCode: number | undefined;
  const context = createContext({
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    stdin: process.stdin,
    env: environment,
    programName: environment.programName,
    installationDir: installationDir(),
    exit: (code) => (exitCode = code),
  });
  const code = await runProgram(context, args);
  return exitCode ?? code;
}

const args = process.argv.slice(2);
process.exitCode = (await runOnRequiredNode(fileURLToPath(import.meta.url), args)) ?? (await run(args));
