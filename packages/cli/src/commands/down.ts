import { Command } from 'commander';
import { LateenError, codeOf, sleep } from '@lateen/core';
import { runningCluster } from '@lateen/cluster';
import type { CommandContext } from '../context.ts';
import { createProgress } from '../output/progress.ts';

const patienceMs = 30_000;

/** `down`: stops the process that runs the local cluster and waits until it is gone. */
export function downCommand(context: CommandContext): Command {
  return new Command('down')
    .description('Stops the local cluster. Its objects stay in the data directory for the next `up`.')
    .option('--data-dir <dir>', "the cluster's data directory", context.env.dataDir)
    .addHelpText('after', '\nExample:\n  lateen down && lateen up')
    .action(async (options: { readonly dataDir: string }) => {
      const pid = runningCluster(options.dataDir);
      if (pid === undefined) {
        context.stdout.write(`no cluster runs from ${options.dataDir}\n`);
        return;
      }
      const step = createProgress(context.stdout, context.clock).start('Stopping the cluster');
      stop(pid);
      const deadlineMs = context.clock.monotonicMs() + patienceMs;
      while (runningCluster(options.dataDir) !== undefined || isAlive(pid)) {
        if (context.clock.monotonicMs() > deadlineMs) {
          step.failed();
          throw new LateenError(
            'cli.stillRunning',
            `process ${pid} has not ended in ${patienceMs / 1000} s`,
            {
              hint: `\`kill -9 ${pid}\` ends it and all that belongs to it`,
            },
          );
        }
        await sleep(50);
      }
      step.done();
    });
}

function stop(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return;
    throw new LateenError('cli.notAllowed', `process ${pid} cannot be stopped: ${codeOf(error) ?? ''}`, {
      hint: 'it belongs to another user: run `lateen down` as that user',
    });
  }
}

/** A process lives on a little after it has given up its lock. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
