import { LateenError, messageOf, type Logger } from '@lateen/core';
import type { Serving } from './serve.ts';

/**
 * Serves until a signal or the admin port ends it; resolves to the exit code.
 *
 * The first SIGTERM or SIGINT drains, the second ends at once. An error that nobody caught is logged and
 * traffic goes on: whatever a peer does, the others' connections are not its victims.
 */
export async function runUntilStopped(
  serving: Pick<Serving, 'stop' | 'stopped'>,
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
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  await serving.stopped;
  return 0;
}
