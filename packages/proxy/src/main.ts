#!/usr/bin/env node
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { LateenError, runOnRequiredNode } from '@lateen/core';
import { processEnv } from './env.ts';

const entry = new URL(import.meta.url);
const subcommands = `lateen-proxy -c FILE [options]    serve what an Envoy v3 bootstrap describes: lateen-proxy --help
lateen-proxy COMMAND           what pilot-agent does in a pod:

  proxy sidecar|router     run the proxy of a workload or a gateway
  istio-iptables           send the pod's traffic to the proxy
  request METHOD PATH      ask the admin port of the running proxy
  wait                     wait until the proxy is ready
  version                  print the version
`;

/** Programs that this one file is, by the first word of the command line; with an option first it is Envoy. */
async function run(args: readonly string[]): Promise<number> {
  const write = (text: string): void => void process.stdout.write(text);
  const [command, ...rest] = args;
  switch (command) {
    case 'proxy':
      return (await import('./agent/main.ts')).runAgent(rest, processEnv(), write, entry);
    case 'istio-iptables':
    case 'istio-clean-iptables': {
      const clean = command === 'istio-clean-iptables' ? ['--cleanup-only'] : [];
      return (await import('./iptables/main.ts')).runIptables([...rest, ...clean], processEnv(), write);
    }
    case 'request':
      return (await import('./agent/request.ts')).runRequest(rest, write);
    case 'wait':
      return (await import('./agent/request.ts')).runWait(rest);
    case 'version':
      return (await import('./bootstrap/main.ts')).runEnvoy(['--version'], write, entry);
    case undefined:
      throw new LateenError('EUSAGE', 'neither a bootstrap nor a command is given', {
        hint: 'lateen-proxy -c FILE serves a bootstrap; lateen-proxy help lists the commands',
      });
    case 'help':
      write(subcommands);
      return 0;
    default:
      if (command.startsWith('-')) return (await import('./bootstrap/main.ts')).runEnvoy(args, write, entry);
      throw new LateenError('EUSAGE', `unknown command "${command}"`, {
        hint: 'lateen-proxy help lists the commands',
      });
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof LateenError)) return String(error instanceof Error ? error.stack : error);
  return `error: ${error.message}${error.hint === undefined ? '' : `\n  ${error.hint}`}`;
}

async function main(): Promise<void> {
  try {
    const args = process.argv.slice(2);
    process.exitCode = (await runOnRequiredNode(fileURLToPath(import.meta.url), args)) ?? (await run(args));
  } catch (error) {
    // What has been opened before a start failed would serve on otherwise.
    process.stderr.write(`${textOf(error)}\n`, () => process.exit(1));
  }
}

// A thread of a proxy that serves by several runs this program too.
if (isMainThread) await main();
else await (await import('./workers/worker.ts')).runWorker();
