import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Tries until the check passes; after `timeoutMs` (default 20 s) throws its last error. For what
 * a person would also wait for: pods that become ready, rules that reach the proxies.
 */
export async function eventually<T>(check: () => Promise<T>, timeoutMs = 20_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(100);
    }
  }
}
