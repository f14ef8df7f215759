import type { Clock, Timer } from '@lateen/core';

/** What was fetched, and for how long from now on it may be used. */
export interface Fetched {
  readonly text: string;
  readonly freshMs: number;
}

/** `unknown`: the first thread does not fetch it. */
export type FetchAnswer = Fetched | 'failed' | 'unknown';

/** Calls `run`, possibly at once, with what is there or has then been fetched; undefined where it cannot be had. */
export type Fetcher = (run: (fetched: Fetched | undefined) => void) => void;

/**
 * What threads fetch together: the first one does, as Envoy's main thread does for `async_fetch`, and the others have it
 * from it. A thing goes by a name, which all threads make of the same configuration.
 */
export type SharedFetches = LeadingFetches | FollowingFetches;

/** The first thread has its configuration in force by then, or had it and has no longer. */
const longestWaitMs = 10_000;

interface Unknown {
  readonly run: (answer: FetchAnswer) => void;
  readonly timer: Timer;
}

/** What the first thread fetches. */
export class LeadingFetches {
  readonly leads = true;
  readonly #clock: Clock;
  readonly #tell: (name: string, fetched: Fetched) => void;
  readonly #fetchers = new Map<string, Set<Fetcher>>();
  readonly #unknown = new Map<string, Set<Unknown>>();

  /** `tell` tells all others what has been fetched. */
  constructor(clock: Clock, tell: (name: string, fetched: Fetched) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** From now on others are answered by `fetcher`; answers with how to end that. */
  offer(name: string, fetcher: Fetcher): () => void {
    const fetchers = this.#fetchers.get(name) ?? new Set();
    this.#fetchers.set(name, fetchers.add(fetcher));
    const waiting = this.#unknown.get(name);
    this.#unknown.delete(name);
    for (const { run, timer } of waiting ?? []) {
      timer.cancel();
      this.ask(name, run);
    }
    return () => {
      fetchers.delete(fetcher);
      if (fetchers.size === 0 && this.#fetchers.get(name) === fetchers) this.#fetchers.delete(name);
    };
  }

  found(name: string, fetched: Fetched): void {
    this.#tell(name, fetched);
  }

  /** Another thread needs it. It may be quicker than this one to have the configuration. */
  ask(name: string, run: (answer: FetchAnswer) => void): void {
    const [fetcher] = this.#fetchers.get(name) ?? [];
    if (fetcher !== undefined) {
      fetcher((fetched) => run(fetched ?? 'failed'));
      return;
    }
    const waiting = this.#unknown.get(name) ?? new Set();
    const one: Unknown = {
      run,
      timer: this.#clock.after(longestWaitMs, () => {
        waiting.delete(one);
        if (waiting.size === 0 && this.#unknown.get(name) === waiting) this.#unknown.delete(name);
        run('unknown');
      }),
    };
    this.#unknown.set(name, waiting.add(one));
  }
}

/** What other threads have of the first one. */
export class FollowingFetches {
  readonly leads = false;
  readonly #ask: (id: number, name: string) => void;
  readonly #followers = new Map<string, Set<(fetched: Fetched) => void>>();
  readonly #asked = new Map<number, (answer: FetchAnswer) => void>();
  #nextId = 1;

  /** `ask` asks the first thread, which answers with the same id. */
  constructor(ask: (id: number, name: string) => void) {
    this.#ask = ask;
  }

  /** `take` is told of all that the first thread fetches; answers with how to end that. */
  follow(name: string, take: (fetched: Fetched) => void): () => void {
    const followers = this.#followers.get(name) ?? new Set();
    this.#followers.set(name, followers.add(take));
    return () => {
      followers.delete(take);
      if (followers.size === 0 && this.#followers.get(name) === followers) this.#followers.delete(name);
    };
  }

  ask(name: string, run: (answer: FetchAnswer) => void): void {
    const id = this.#nextId++;
    this.#asked.set(id, run);
    this.#ask(id, name);
  }

  /** The first thread has fetched it. */
  take(name: string, fetched: Fetched): void {
    for (const take of this.#followers.get(name) ?? []) take(fetched);
  }

  /** The first thread answers {@link ask}. */
  takeAnswer(id: number, answer: FetchAnswer): void {
    const run = this.#asked.get(id);
    this.#asked.delete(id);
    run?.(answer);
  }
}
