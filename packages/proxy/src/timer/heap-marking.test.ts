import assert from 'node:assert/strict';
import { constants, PerformanceObserver, type PerformanceNodeEntry } from 'node:perf_hooks';
import { test } from 'node:test';
import { heapIsBeingMarked } from './heap-marking.ts';

/** Makes objects that stay, a part a turn, until V8 has collected all of the heap; tells what was said of it meanwhile. */
async function fillUntilCollected(): Promise<readonly boolean[]> {
  const said: boolean[] = [];
  const kept: object[][] = [];
  const collected = { yet: false };
  const observer = new PerformanceObserver((list) => {
    const kinds = (list.getEntries() as PerformanceNodeEntry[]).map(
      ({ detail }) => detail as { kind: number },
    );
    collected.yet ||= kinds.some(({ kind }) => kind === constants.NODE_PERFORMANCE_GC_MAJOR);
  });
  observer.observe({ entryTypes: ['gc'] });
  for (let i = 0; i < 20_000 && !collected.yet; i++) {
    kept.push(Array.from({ length: 200 }, (_, n) => ({ n })));
    Array.from({ length: 400 }, (_, n) => ({ n }));
    said.push(heapIsBeingMarked());
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
  observer.disconnect();
  assert.ok(collected.yet);
  return said;
}

test('a heap that is marked in steps is known', async () => {
  const said = await fillUntilCollected();
  assert.ok(said.includes(true));
  // It grows for long before.
  assert.equal(said[0], false);
});
