import type { StoreEvent } from './store.ts';

interface Watcher {
  readonly prefix: string;
  readonly onEvents: (events: readonly StoreEvent[]) => void;
  waiting: StoreEvent[];
}

/**
 * Hands events to watchers, each in order and never inside the write that caused them: what a
 * watcher writes in turn cannot overtake what others have not seen yet.
 */
export class WatchHub {
  readonly #watchers = new Set<Watcher>();
  #scheduled = false;

  /** Adds a watcher that gets `missed` before anything new; returns the function that removes it. */
  add(
    prefix: string,
    missed: readonly StoreEvent[],
    onEvents: (events: readonly StoreEvent[]) => void,
  ): () => void {
    const watcher: Watcher = { prefix, onEvents, waiting: [...missed] };
    this.#watchers.add(watcher);
    if (missed.length > 0) this.#schedule();
    return () => void this.#watchers.delete(watcher);
  }

  publish(event: StoreEvent): void {
    let wanted = false;
    for (const watcher of this.#watchers) {
      if (!event.key.startsWith(watcher.prefix)) continue;
      watcher.waiting.push(event);
      wanted = true;
    }
    if (wanted) this.#schedule();
  }

  close(): void {
    this.#watchers.clear();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    for (const watcher of this.#watchers) {
      if (watcher.waiting.length === 0) continue;
      const events = watcher.waiting;
      watcher.waiting = [];
      watcher.onEvents(events);
    }
  }
}
