#!/usr/bin/env node
import process from 'node:process';
import { LateenError } from '@lateen/core';
import { processEnv } from './env.ts';

/** Programs that this one file is, by the first word of the command line; without one it is Envoy. */
async function run(args: readonly string[]): Promise<number> {
  const write = (text: string): void => void process.stdout.write(text);
  const env = processEnv();
  if (args[0] === 'istio-iptables') {
    const { runIptables } = await import('./iptables/main.ts');
    return runIptables(args.slice(1), env, write);
  }
  throw new LateenError('EUSAGE', `unknown command "${args[0] ?? ''}"`);
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const hint = error instanceof LateenError && error.hint !== undefined ? `\n  ${error.hint}` : '';
  const text =
    error instanceof LateenError
      ? `error: ${error.message}${hint}`
      : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}
