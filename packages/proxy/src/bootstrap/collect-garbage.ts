import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '@lateen/core';

/** When the work of starting is over, as a rule. */
const settledMs = 2_000;

/**
 * Gives back what starting has left in the heap, once, when the proxy has come to rest.
 *
 * V8 collects when a heap grows; that of an idle proxy does not, so the remains of decoding its first
 * configuration would stay for ever: a third of its memory, paid for every pod.
 */
export function collectGarbageSoon(clock: Clock): void {
  clock.after(settledMs, () => {
    setFlagsFromString('--expose-gc');
    const collect: unknown = runInNewContext('globalThis.gc');
    setFlagsFromString('--no-expose-gc');
    if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  });
}
