import process from 'node:process';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock, Timer } from '@lateen/core';

/** When the work of starting is over, as a rule. */
const settledMs = 2_000;
const betweenLooksMs = 5_000;
/** A proxy that has used less of a core than this since the last look is at rest. */
const restingShare = 0.01;
/** What the heap must have grown by since the last collection. */
const worthwhileBytes = 8 * 1024 * 1024;

/** The heap of a process, and its CPU. */
export interface Heap {
  usedBytes(): number;
  /** CPU that the process has used so far, in milliseconds. */
  cpuMs(): number;
  /** Collects everything and gives memory back to the system. */
  collect(): void;
}

/** The heap of this process. */
export const ownHeap: Heap = {
  usedBytes: () => getHeapStatistics().used_heap_size,
  cpuMs() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  collect() {
    setFlagsFromString('--expose-gc');
    const collect: unknown = runInNewContext('globalThis.gc');
    setFlagsFromString('--no-expose-gc');
    if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  },
};

/**
 * Gives memory back when the proxy has come to rest: after its start, and whenever the heap has grown by much and
 * nothing goes on any more.
 *
 * V8 collects when a heap grows; that of an idle proxy does not, so the remains of decoding its first
 * configuration, or of ten thousand connections, would stay for ever, paid for every pod.
 */
export function collectGarbageAtRest(clock: Clock, heap: Heap = ownHeap): Timer {
  let leastBytes = Number.POSITIVE_INFINITY;
  let cpuMs = 0;
  let looks: Timer | undefined;
  const collect = (): void => {
    heap.collect();
    leastBytes = heap.usedBytes();
    cpuMs = heap.cpuMs();
  };
  const first = clock.after(settledMs, () => {
    collect();
    looks = clock.every(betweenLooksMs, () => {
      const usedMs = heap.cpuMs() - cpuMs;
      cpuMs += usedMs;
      if (usedMs > betweenLooksMs * restingShare) return;
      if (heap.usedBytes() - leastBytes >= worthwhileBytes) collect();
    });
  });
  return {
    cancel() {
      first.cancel();
      looks?.cancel();
    },
  };
}
