import type { ThreadShare } from '../workers/thread-share.ts';

/** What is in a thread's slot: whether it serves the listener, how many connections of it it has; the lock is in that of the first. */
const part = { serves: 0, connections: 1, lock: 2 } as const;

/**
 * Which thread of the process serves a connection of a listener.
 *
 * Whoever is idle accepts, so a thread that wakes up first takes all that waits. What it has too many goes to the thread
 * that has least: with exact balance each one (Envoy, `connection_balance_config.exact_balance`), otherwise only where
 * the difference is worth a message between threads, so that short connections stay where they were accepted.
 */
export class ConnectionBalance {
  readonly #share: ThreadShare;
  readonly #slots: readonly number[];
  exact: boolean;
  #released = false;

  private constructor(share: ThreadShare, slots: readonly number[], exact: boolean) {
    this.#share = share;
    this.#slots = slots;
    this.exact = exact;
    this.#store(part.serves, 1);
  }

  /** Undefined where the threads have no room to count. */
  static of(listener: string, exact: boolean, share: ThreadShare): ConnectionBalance | undefined {
    const slots: number[] = [];
    for (let thread = 0; thread < share.threads; thread++) {
      const slot = share.cells.acquire(`listener ${listener} thread ${thread}`);
      if (slot !== undefined) slots.push(slot);
    }
    if (slots.length === share.threads) return new ConnectionBalance(share, slots, exact);
    for (const slot of slots) share.cells.release(slot);
    return undefined;
  }

  /** Chooses the thread for a connection that has been accepted here, and counts the connection for it. */
  choose(): number {
    if (!this.exact) return this.#choose();
    // As in Envoy: two threads that choose at the same moment would choose the same one.
    const { cells } = this.#share.cells;
    const lock = (this.#slots[0] ?? 0) + part.lock;
    while (Atomics.compareExchange(cells, lock, 0, 1) !== 0) Atomics.wait(cells, lock, 1);
    try {
      return this.#choose();
    } finally {
      Atomics.store(cells, lock, 0);
      Atomics.notify(cells, lock, 1);
    }
  }

  #choose(): number {
    const { index } = this.#share;
    let least = this.#connections(index);
    const slack = this.exact ? 0 : Math.max(leastSlack, least >> slackShift);
    least -= slack;
    let chosen = index;
    for (let thread = 0; thread < this.#slots.length; thread++) {
      if (thread === index || this.#cell(thread, part.serves) !== 1) continue;
      const connections = this.#connections(thread);
      if (connections >= least) continue;
      least = connections;
      chosen = thread;
    }
    Atomics.add(this.#share.cells.cells, (this.#slots[chosen] ?? 0) + part.connections, 1);
    return chosen;
  }

  /** The connection that was chosen for another thread stays here. */
  keep(chosen: number): void {
    const { cells, index } = this.#share;
    Atomics.sub(cells.cells, (this.#slots[chosen] ?? 0) + part.connections, 1);
    Atomics.add(cells.cells, (this.#slots[index] ?? 0) + part.connections, 1);
  }

  /** A connection that was chosen for this thread has ended. */
  end(): void {
    if (this.#released) return;
    Atomics.sub(this.#share.cells.cells, (this.#slots[this.#share.index] ?? 0) + part.connections, 1);
  }

  /** This thread takes no further connection of the listener. */
  stop(): void {
    this.#store(part.serves, 0);
  }

  /** Nothing is counted after this. */
  release(): void {
    this.#released = true;
    for (const slot of this.#slots) this.#share.cells.release(slot);
  }

  #connections(thread: number): number {
    return this.#cell(thread, part.connections);
  }

  #cell(thread: number, which: number): number {
    return Atomics.load(this.#share.cells.cells, (this.#slots[thread] ?? 0) + which);
  }

  #store(which: number, value: number): void {
    Atomics.store(this.#share.cells.cells, (this.#slots[this.#share.index] ?? 0) + which, value);
  }
}

/** Without exact balance: so many connections more than another thread, or an eighth of its own, a thread may have. */
const leastSlack = 4;
const slackShift = 3;
