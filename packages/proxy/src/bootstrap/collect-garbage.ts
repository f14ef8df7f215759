import { createRequire } from 'node:module';
import process from 'node:process';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock, Timer } from '@lateen/core';
import type * as koffiModule from 'koffi';
import type { DataPlane } from '../data-plane.ts';
import { anonymousBytes } from '../overload/process-memory.ts';

/** When the work of starting is over, as a rule, and how long before that the processor is looked at. */
const settledMs = 2_000;
const firstLookMs = 1_000;
const betweenLooksMs = 5_000;
/** CPU that no start takes: who has used more has carried traffic. */
const longestStartMs = 1_500;
/** How often memory outside of the heap is looked at: the compiler needs most in the first seconds of traffic. */
const betweenTrimsMs = 1_000;
/** A proxy that has used less of a core than this since the last look is at rest. */
const restingShare = 0.01;
/** What the heap, or the memory around it, must have grown by for it to be worthwhile. */
const worthwhileHeapBytes = 8 * 1024 * 1024;
const worthwhileBytes = 4 * 1024 * 1024;
/** Who has had no connection for so many looks in a row, and is at rest, is not used, and has the time for less. */
const unusedLooks = 3;
/** What probes leave comes to this in some minutes: a collection takes a tenth of a second of CPU. */
const worthwhileUnusedBytes = 2 * 1024 * 1024;
/** What a proxy at rest may have more than it had before it gives compiled code away for it. */
const muchBytes = 16 * 1024 * 1024;
/** What a proxy has after its start, where that is not known, since traffic came at once. */
const usualStartBytes = 20 * 1024 * 1024;

/** Flags of V8 by which a collection throws away all code that nothing executes, and not only what is old, and leaves no holes. */
const thoroughFlags = ['flush-baseline-code', 'stress-flush-code', 'compact-on-every-full-gc'];

/** The memory of a process, and its CPU. */
export interface ProcessMemory {
  /** Of the heap. */
  usedBytes(): number;
  /** All that no file backs. */
  anonymousBytes(): number;
  /** CPU that the process has used so far, in milliseconds. */
  cpuMs(): number;
  /** Collects everything; takes some hundredths of a second. `'all'` forgets the shapes of objects and compiled code, too. */
  collect(what: 'all' | 'objects'): void;
  /** Gives what is free outside of the heap to the system; takes two milliseconds. */
  trim(): void;
}

/** The memory of this process. */
export function ownMemory(): ProcessMemory {
  let mallocTrim: ((keepBytes: number) => number) | undefined;
  return {
    usedBytes: () => getHeapStatistics().used_heap_size,
    anonymousBytes,
    cpuMs() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    collect(what) {
      setFlagsFromString('--expose-gc');
      const collect: unknown = runInNewContext('globalThis.gc');
      setFlagsFromString('--no-expose-gc');
      if (typeof collect !== 'function') return;
      if (what === 'objects') {
        collect({ type: 'major', execution: 'sync', flavor: 'regular' });
        return;
      }
      // Flags are put back: V8 takes cached code only for the flags that it was compiled with.
      for (const flag of thoroughFlags) setFlagsFromString(`--${flag}`);
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      for (const flag of thoroughFlags) setFlagsFromString(`--no-${flag}`);
    },
    trim() {
      mallocTrim ??= loadTrim();
      mallocTrim(0);
    },
  };
}

function loadTrim(): (keepBytes: number) => number {
  if (process.platform !== 'linux') return () => 0;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;
    return koffi.load('libc.so.6').func('int malloc_trim(size_t)') as (keepBytes: number) => number;
  } catch {
    // Another C library than glibc gives memory back by itself.
    return () => 0;
  }
}

/**
 * Gives memory back that was needed once.
 *
 * The heap is collected when the proxy has come to rest: after its start, and whenever it has grown by much and nothing
 * goes on any more. V8 collects when a heap grows; that of an idle proxy does not, so the remains of decoding its first
 * configuration, or of ten thousand connections, would stay for ever, paid for every pod. Under traffic it is not
 * collected by us, as that stops all requests for a tenth of a second.
 *
 * A proxy that nobody uses has time for less, and no code that is worth keeping: each push of configuration leaves what was
 * compiled for it, and holes, some megabytes in all.
 *
 * A collection that is to free as much as it can forgets also the shapes (V8's maps) of which no object is left, and all
 * compiled code: the next requests were 5 ms late while it was compiled again. So it is for the start, whose code is
 * hardly needed again, and for who is short of memory. V8's own (`--memory-reducer`) does the same eight seconds
 * after a traffic has ended; the proxy runs without it.
 *
 * A collection that leaves shapes leaves V8 with its pages, too: a proxy that ten thousand connections have left keeps 35 MB
 * of them for ever, empty (with `--single-threaded-gc` V8's own timer for its pool of pages does nothing). HTTP/2 under full
 * load leaves as much in code and what malloc keeps for it. So where much more is there afterwards than a start leaves,
 * everything is collected; what other traffic leaves is far from it.
 *
 * What V8's compiler has had from malloc is trimmed also under traffic: of a proxy under load that was a third.
 */
export function giveMemoryBack(
  clock: Clock,
  dataPlane: Pick<DataPlane, 'clientConnections'>,
  memory: ProcessMemory = ownMemory(),
): Timer {
  let leastHeapBytes: number | undefined;
  let leastBytes: number | undefined;
  /** All memory when everything was last collected, or less. */
  let wholeBytes = usualStartBytes;
  let wasBusy = false;
  let taken = 0;
  let looksUnused = 0;
  let cpuMs = 0;
  let looks: Timer | undefined;
  let trims: Timer | undefined;
  const collect = (what: Parameters<ProcessMemory['collect']>[0]): void => {
    memory.collect(what);
    memory.trim();
    leastHeapBytes = memory.usedBytes();
    leastBytes = memory.anonymousBytes();
    if (what === 'all') wholeBytes = leastBytes;
    else if (leastBytes - wholeBytes >= muchBytes) collect('all');
    else wholeBytes = Math.min(wholeBytes, leastBytes);
  };
  /** Traffic has ended whose connections may have been there when the heap was last collected: it has not grown since. */
  const isLarge = (): boolean => wasBusy && memory.anonymousBytes() - wholeBytes >= muchBytes;
  /** Nobody has used the proxy for a while, and there is something to collect. */
  const isUnusedAndLarger = (isAtRest: boolean): boolean => {
    const { clientConnections } = dataPlane;
    const isUnused = isAtRest && clientConnections.active === 0 && clientConnections.taken === taken;
    taken = clientConnections.taken;
    looksUnused = isUnused ? looksUnused + 1 : 0;
    return looksUnused >= unusedLooks && memory.anonymousBytes() - wholeBytes >= worthwhileUnusedBytes;
  };
  const look = (sinceMs: number, what: Parameters<ProcessMemory['collect']>[0]): void => {
    const usedMs = memory.cpuMs() - cpuMs;
    cpuMs += usedMs;
    const isAtRest = usedMs <= sinceMs * restingShare;
    const isLeftAlone = isUnusedAndLarger(isAtRest);
    if (!isAtRest) {
      wasBusy = true;
      return;
    }
    const grown = leastHeapBytes === undefined || memory.usedBytes() - leastHeapBytes >= worthwhileHeapBytes;
    if (isLeftAlone || grown || isLarge()) {
      collect(isLeftAlone ? 'all' : what);
      cpuMs = memory.cpuMs();
    }
    wasBusy = false;
  };
  const trim = (): void => {
    if (leastBytes !== undefined && memory.anonymousBytes() - leastBytes < worthwhileBytes) return;
    memory.trim();
    leastBytes = memory.anonymousBytes();
  };
  let first = clock.after(firstLookMs, () => {
    cpuMs = memory.cpuMs();
    first = clock.after(settledMs - firstLookMs, () => {
      look(settledMs - firstLookMs, 'all');
      if (leastBytes === undefined) trim();
      // A start among others' takes longer; it is over when the proxy first comes to rest.
      const what = (): Parameters<ProcessMemory['collect']>[0] =>
        leastHeapBytes === undefined && cpuMs < longestStartMs ? 'all' : 'objects';
      looks = clock.every(
        betweenLooksMs,
        ifReadable(() => look(betweenLooksMs, what())),
      );
      trims = clock.every(betweenTrimsMs, ifReadable(trim));
    });
  });
  return {
    cancel() {
      first.cancel();
      looks?.cancel();
      trims?.cancel();
    },
  };
}

/** Without descriptors the kernel cannot be asked for the memory of the process: the next look will do. */
function ifReadable(run: () => void): () => void {
  return () => {
    try {
      run();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EMFILE' && code !== 'ENFILE') throw error;
    }
  };
}

/** Gives back at once what can be, for who is short of memory. */
export function shrinkMemory(): void {
  const memory = ownMemory();
  memory.collect('all');
  memory.trim();
}
