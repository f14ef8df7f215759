import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { closeOnExec, nonBlocking, type SystemCalls } from './system-calls.ts';

/** Who has a descriptor that is watched. */
export interface Watcher {
  readonly fd: number;
  /** What the kernel has been asked to tell, {@link readable} and {@link writable}; the poll's. */
  watched: number;
  /** `events` may have what was not asked for: an error, or the end of both halves. */
  onReady(events: number): void;
  /** The descriptor is closed. */
  onClosed(): void;
}

/** A stream of Node's that wakes its event loop; nothing is ever read from it. */
export interface Waker {
  /** Keeps the process alive, or does not. */
  keep(alive: boolean): void;
  close(): void;
}

// Linux' numbers (epoll_ctl(2)).
export const readable = 1;
export const writable = 4;
export const failed = 8;
/** The peer sends no more: what it has sent is there. */
export const peerEnded = 0x2000;
const operations = { add: 1, remove: 2, change: 3 };

/** `struct epoll_event` in words: it is packed on x86-64 only. */
const eventWords = process.arch === 'x64' ? 3 : 4;
const dataWord = process.arch === 'x64' ? 1 : 2;
/** What is told of in one wake before the event loop has its turn again. */
const eventsAtOnce = 64;

/**
 * Tells of the sockets of a thread that are ready, all in one go: an epoll of our own within the event loop's. A read
 * through libuv and Node costs half a microsecond more, for the call back into JavaScript.
 *
 * libuv has no cheap call for a foreign descriptor that is ready. So our epoll is put into libuv's under the name (the
 * `data` of epoll_ctl(2)) of a stream of Node's from which nothing ever comes: libuv looks for bytes there, finds none,
 * and tells of it, which is when the sockets are asked for (docs/decisions/0016-reads-in-batches.md).
 */
export class SocketPoll {
  readonly calls: SystemCalls;
  readonly #waker: Waker;
  readonly #epoll: number;
  readonly #watchers: (Watcher | undefined)[] = [];
  readonly #events = new Int32Array(eventsAtOnce * eventWords);
  readonly #eventsAddress: number;
  readonly #change = new Int32Array(32);
  readonly #changeAddress: number;
  /** Descriptors that somebody has; while there are some, the process lives. */
  #open = 0;
  #isTelling = false;
  /** To be closed when all have been told: an event of an old socket must not meet a new one of its number. */
  readonly #closing: Watcher[] = [];
  /** Closed, and not told of yet. */
  #closed: Watcher[] = [];

  private constructor(calls: SystemCalls, waker: Waker, epoll: number) {
    this.calls = calls;
    this.#waker = waker;
    this.#epoll = epoll;
    this.#eventsAddress = calls.addressOf(this.#events);
    this.#changeAddress = calls.addressOf(this.#change);
  }

  /**
   * Opens one; undefined where the system has none of what it needs. `createWaker` makes a stream of Node's of a
   * descriptor, that calls back whenever libuv looks for bytes. It is in the event loop one pass later.
   */
  static async open(
    calls: SystemCalls,
    createWaker: (fd: number, onWake: () => void) => Waker,
  ): Promise<SocketPoll | undefined> {
    const fd = calls.eventDescriptor(0, nonBlocking | closeOnExec);
    if (fd < 0) return undefined;
    let poll: SocketPoll | undefined;
    const waker = createWaker(fd, () => poll?.tell());
    // The event loop tells the kernel of new descriptors before it waits.
    await new Promise<void>((resolve) => void setImmediate(() => void setImmediate(resolve)));
    const place = findInEpoll(fd);
    const epoll = place === undefined ? -1 : calls.epollCreate(closeOnExec);
    if (place === undefined || epoll < 0) {
      waker.close();
      return undefined;
    }
    poll = new SocketPoll(calls, waker, epoll);
    if (!poll.#joinLoop(place)) {
      calls.close(epoll);
      waker.close();
      return undefined;
    }
    process.once('exit', () => poll?.closeAll());
    return poll;
  }

  /** Takes a descriptor in; nothing is told of it before {@link watch}. */
  adopt(watcher: Watcher): void {
    this.#watchers[watcher.fd] = watcher;
    if (this.#open++ === 0) this.#waker.keep(true);
  }

  /** Tells of these events from now on, as long as they last; 0, or an error of libuv. */
  watch(watcher: Watcher, events: number): number {
    const before = watcher.watched;
    if (before === events) return 0;
    const operation = before === 0 ? operations.add : events === 0 ? operations.remove : operations.change;
    if (!this.#control(operation, watcher.fd, events, watcher.fd, 0)) return -this.calls.errno();
    watcher.watched = events;
    return 0;
  }

  /**
   * Closes the descriptor, by which the kernel forgets it too where nobody has a copy of it; {@link Watcher.onClosed} is
   * called later.
   */
  close(watcher: Watcher): void {
    this.#watchers[watcher.fd] = undefined;
    if (this.#isTelling) {
      this.#closing.push(watcher);
      return;
    }
    this.calls.close(watcher.fd);
    if (this.#closed.push(watcher) === 1) setImmediate(this.#tellClosed);
  }

  /** Asks what is ready, and tells. */
  tell(): void {
    const events = this.#events;
    const count = this.calls.epollWait(this.#epoll, this.#eventsAddress, eventsAtOnce, 0);
    this.#isTelling = true;
    for (let i = 0; i < count; i++) {
      const at = i * eventWords;
      // Whoever was told before may have closed it.
      this.#watchers[events[at + dataWord] as number]?.onReady(events[at] as number);
    }
    this.#isTelling = false;
    if (this.#closing.length === 0) return;
    for (const watcher of this.#closing) this.calls.close(watcher.fd);
    this.#closed.push(...this.#closing.splice(0));
    this.#tellClosed();
  }

  readonly #tellClosed = (): void => {
    const closed = this.#closed;
    this.#closed = [];
    this.#open -= closed.length;
    if (this.#open === 0 && closed.length > 0) this.#waker.keep(false);
    for (const watcher of closed) watcher.onClosed();
  };

  /** When the thread ends, which does not close what is not Node's. */
  closeAll(): void {
    for (const watcher of [...this.#watchers, ...this.#closing])
      if (watcher !== undefined) this.calls.close(watcher.fd);
    this.calls.close(this.#epoll);
  }

  #joinLoop({ epoll, data }: EpollPlace): boolean {
    const low = Number(data & 0xffff_ffffn) | 0;
    const high = Number(data >> 32n) | 0;
    return this.#control(operations.add, this.#epoll, readable, low, high, epoll);
  }

  #control(
    operation: number,
    fd: number,
    events: number,
    dataLow: number,
    dataHigh: number,
    epoll = this.#epoll,
  ): boolean {
    const change = this.#change;
    change[0] = (events & readable) === 0 ? events : events | peerEnded;
    change[dataWord] = dataLow;
    change[dataWord + 1] = dataHigh;
    return this.calls.epollControl(epoll, operation, fd, this.#changeAddress) === 0;
  }
}

/** An epoll in which a descriptor is, and its name there. */
interface EpollPlace {
  readonly epoll: number;
  readonly data: bigint;
}

/** Looks through the epolls of this process, as proc(5) shows them: each thread's event loop has one. */
function findInEpoll(fd: number): EpollPlace | undefined {
  const line = new RegExp(`^tfd:\\s+${fd}\\s.*\\bdata:\\s+([0-9a-f]+)`, 'm');
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (!readlinkSync(`/proc/self/fd/${name}`).includes('[eventpoll]')) continue;
      const data = line.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'latin1'))?.[1];
      if (data !== undefined) return { epoll: Number(name), data: BigInt(`0x${data}`) };
    } catch {
      // Closed meanwhile, as the descriptor that the folder was read by.
    }
  }
  return undefined;
}
