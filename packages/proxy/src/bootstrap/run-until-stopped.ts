import { LateenError, messageOf, type Logger } from '@lateen/core';
import type { Serving } from './serve.ts';

const longestTimerMs = 2 ** 31 - 1;
/** How long what was written last may take to leave, once nothing is served any more. */
const lastWordsMs = 1_000;

/**
 * Serves until a signal or the admin port ends it; resolves to the exit code, rejects where the bootstrap turns out not
 * to be one that can be served.
 *
 * The first SIGTERM or SIGINT drains, the second ends at once. SIGUSR1 opens the files of access logs anew, for who has
 * moved them away; SIGHUP changes nothing, as in Envoy: a hot restart is asked for otherwise. Whoever does not read what is written does not keep the
 * process: it ends a second later. An error that nobody caught is logged and
 * traffic goes on: whatever a peer does, the others' connections are not its victims.
 */
export async function runUntilStopped(
  serving: Pick<Serving, 'fleet' | 'stop' | 'stopped'>,
  log: Logger,
): Promise<number> {
  const onSignal = (signal: NodeJS.Signals): void => {
    log.info(`received ${signal}`);
    serving.stop();
  };
  const onError = (error: unknown): void => {
    const stack = error instanceof Error && !(error instanceof LateenError) ? error.stack : undefined;
    log.error('internal error', { error: messageOf(error), stack });
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Without a listener Node opens a port for debuggers at SIGUSR1, and ends at SIGHUP.
  process.on('SIGUSR1', () => {
    log.info('received SIGUSR1: access logs are opened anew');
    serving.fleet.reopenLogs();
  });
  process.on('SIGHUP', () => log.warn('received SIGHUP, which changes nothing'));
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  // What serves nothing yet waits for a control plane, for files or for its successor.
  const alive = setInterval(() => {}, longestTimerMs);
  try {
    await serving.stopped;
  } finally {
    clearInterval(alive);
  }
  setTimeout(() => process.exit(), lastWordsMs).unref();
  return 0;
}
