import { messageOf, type Clock, type Logger } from '@lateen/core';
import type { Store } from './store.ts';

const periodMs = 300_000;

/**
 * Forgets what was replaced longer than one period ago, at once what was replaced before this start. Returns the
 * function that ends it.
 */
export function startCompaction(store: Store, clock: Clock, logger: Logger): () => void {
  let noted = store.revision();
  const compact = (): void => {
    store.compact(noted).catch((error: unknown) => {
      logger.warn('old revisions could not be forgotten', { error: messageOf(error) });
    });
    noted = store.revision();
  };
  compact();
  const timer = clock.every(periodMs, compact);
  return () => timer.cancel();
}
