import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as koffiModule from 'koffi';

/** Who is told what has been read. */
export interface SocketReader {
  /** More bytes are in the socket's buffer; 0 or less: the end or an error, as libuv counts them. */
  onHandleRead(length: number): void;
}

/** libuv's number for the end of a stream. */
export const endOfStream = -4095;

/** A connected socket that the poll reads. */
export class PolledSocket {
  readonly fd: number;
  readonly buffer: Uint8Array;
  /** Where the buffer lies. */
  readonly address: number;
  reader: SocketReader;
  isReading = false;
  /** The kernel tells of it. */
  isWatched = false;
  /** What libuv writes when it can: nobody may write before it. */
  pendingWrites = 0;

  constructor(fd: number, buffer: Uint8Array, address: number, reader: SocketReader) {
    this.fd = fd;
    this.buffer = buffer;
    this.address = address;
    this.reader = reader;
  }
}

/** A stream of Node's that wakes its event loop; nothing is ever read from it. */
export interface Waker {
  /** Keeps the process alive, or does not. */
  keep(alive: boolean): void;
  close(): void;
}

interface Calls {
  readonly koffi: typeof koffiModule;
  readonly recv: (fd: number, address: number, length: number, flags: number) => number;
  readonly send: (fd: number, address: number, length: number, flags: number) => number;
  readonly epollCreate: (flags: number) => number;
  readonly epollControl: (epoll: number, operation: number, fd: number, event: number) => number;
  readonly epollWait: (epoll: number, events: number, most: number, timeoutMs: number) => number;
  readonly eventDescriptor: (value: number, flags: number) => number;
  readonly close: (fd: number) => number;
}

// Linux' numbers, the same on all machines that Node runs on.
const closeOnExec = 0o2000000;
const nonBlocking = 0o4000;
const add = 1;
const remove = 2;
const readable = 1;
const dontWait = 0x40;
const dontWaitNorSignal = 0x4040;
const tryAgain = 11;
const interrupted = 4;

/** `struct epoll_event` in words: it is packed on x86-64 only. */
const eventWords = process.arch === 'x64' ? 3 : 4;
const dataWord = process.arch === 'x64' ? 1 : 2;
/** What is read in one wake before the event loop has its turn again. */
const eventsAtOnce = 64;
/** Of one socket that fills the buffer each time. */
const readsAtOnce = 8;

/**
 * Reads the sockets of a thread, those that are ready in one go: an epoll of our own within the event loop's, and
 * `recv`. A read through libuv and Node costs half a microsecond more, for the call back into JavaScript.
 *
 * libuv has no cheap call for a foreign descriptor that is ready. So our epoll is put into libuv's under the name (the
 * `data` of epoll_ctl(2)) of a stream of Node's from which nothing ever comes: libuv looks for bytes there, finds none,
 * and tells of it, which is when the sockets are read (docs/decisions/0016-reads-in-batches.md).
 */
export class SocketPoll {
  readonly #calls: Calls;
  readonly #waker: Waker;
  readonly #epoll: number;
  readonly #sockets: (PolledSocket | undefined)[] = [];
  readonly #events = new Int32Array(eventsAtOnce * eventWords);
  readonly #eventsAddress: number;
  readonly #change = new Int32Array(32);
  readonly #changeAddress: number;
  readonly #addresses: Addresses;
  /** While there are some, the process lives. */
  #watched = 0;

  private constructor(calls: Calls, waker: Waker, epoll: number) {
    this.#calls = calls;
    this.#waker = waker;
    this.#epoll = epoll;
    this.#addresses = new Addresses(calls);
    this.#eventsAddress = addressOf(calls, this.#events);
    this.#changeAddress = addressOf(calls, this.#change);
  }

  /**
   * Opens one; undefined where the system has none of what it needs, and libuv is to read. `createWaker` makes a stream
   * of Node's of a descriptor, that calls back whenever libuv looks for bytes. It is in the event loop one pass later.
   */
  static async open(createWaker: (fd: number, onWake: () => void) => Waker): Promise<SocketPoll | undefined> {
    if (process.platform !== 'linux') return undefined;
    const calls = loadCalls();
    if (calls === undefined) return undefined;
    const fd = calls.eventDescriptor(0, nonBlocking | closeOnExec);
    if (fd < 0) return undefined;
    let poll: SocketPoll | undefined;
    const waker = createWaker(fd, () => poll?.drain());
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
    process.once('exit', () => calls.close(epoll));
    return poll;
  }

  /** Takes a connected socket in; it is read from the first {@link resume} on, into all of `buffer`. */
  adopt(fd: number, reader: SocketReader, buffer: Uint8Array): PolledSocket {
    const socket = new PolledSocket(fd, buffer, this.#addresses.of(buffer), reader);
    this.#sockets[fd] = socket;
    return socket;
  }

  resume(socket: PolledSocket): void {
    socket.isReading = true;
    if (socket.isWatched) return;
    if (!this.#tell(add, socket.fd, socket.fd, 0)) {
      this.#refused(socket, this.#calls.koffi.errno());
      return;
    }
    socket.isWatched = true;
    if (this.#watched++ === 0) this.#waker.keep(true);
  }

  /** The kernel is told only when something comes all the same: most pauses are over before. */
  pause(socket: PolledSocket): void {
    socket.isReading = false;
  }

  /** Before its descriptor is closed, by which the kernel forgets it. */
  forget(socket: PolledSocket): void {
    if (this.#sockets[socket.fd] !== socket) return;
    socket.isReading = false;
    this.#sockets[socket.fd] = undefined;
    if (socket.isWatched) this.#watchLess(socket);
  }

  /** Sends `bytes[0, length)`; how much the kernel has taken: less where the peer reads slowly, 0 also for an error. */
  send(socket: PolledSocket, bytes: Uint8Array, length: number): number {
    if (socket.pendingWrites > 0) return 0;
    const sent = this.#calls.send(socket.fd, this.#addresses.of(bytes), length, dontWaitNorSignal);
    return sent > 0 ? sent : 0;
  }

  /** Reads what is there. */
  drain(): void {
    const events = this.#events;
    const count = this.#calls.epollWait(this.#epoll, this.#eventsAddress, eventsAtOnce, 0);
    for (let i = 0; i < count; i++) {
      const socket = this.#sockets[events[i * eventWords + dataWord] as number];
      // Whoever was read before may have closed it.
      if (socket !== undefined) this.#read(socket);
    }
  }

  #read(socket: PolledSocket): void {
    if (!socket.isReading) {
      this.#unwatch(socket);
      return;
    }
    const { fd, address } = socket;
    const room = socket.buffer.length;
    for (let reads = readsAtOnce; reads > 0 && socket.isReading; reads--) {
      const length = this.#calls.recv(fd, address, room, dontWait);
      if (length <= 0) {
        this.#readOver(socket, length);
        return;
      }
      socket.reader.onHandleRead(length);
      if (length < room) return;
    }
  }

  /** The kernel cannot watch it, as where a user's watches are used up: its reader hears of it as of any error. */
  #refused(socket: PolledSocket, error: number): void {
    socket.isReading = false;
    setImmediate(() => {
      if (this.#sockets[socket.fd] === socket) socket.reader.onHandleRead(-error);
    });
  }

  #readOver(socket: PolledSocket, length: number): void {
    let status = endOfStream;
    if (length < 0) {
      const error = this.#calls.koffi.errno();
      if (error === tryAgain || error === interrupted) return;
      status = -error;
    }
    socket.isReading = false;
    this.#unwatch(socket);
    socket.reader.onHandleRead(status);
  }

  #unwatch(socket: PolledSocket): void {
    this.#tell(remove, socket.fd, 0, 0);
    this.#watchLess(socket);
  }

  #watchLess(socket: PolledSocket): void {
    socket.isWatched = false;
    if (--this.#watched === 0) this.#waker.keep(false);
  }

  #joinLoop({ epoll, data }: EpollPlace): boolean {
    return this.#tell(add, this.#epoll, Number(data & 0xffff_ffffn) | 0, Number(data >> 32n) | 0, epoll);
  }

  #tell(operation: number, fd: number, dataLow: number, dataHigh: number, epoll = this.#epoll): boolean {
    const change = this.#change;
    change[0] = readable;
    change[dataWord] = dataLow;
    change[dataWord + 1] = dataHigh;
    return this.#calls.epollControl(epoll, operation, fd, this.#changeAddress) === 0;
  }
}

/** Where buffers lie. Few are in use at a time: one for what is read, one for what leaves plain, one for what leaves encrypted. */
class Addresses {
  readonly #calls: Calls;
  #first: Uint8Array | undefined;
  #firstAddress = 0;
  #second: Uint8Array | undefined;
  #secondAddress = 0;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  of(bytes: Uint8Array): number {
    if (bytes === this.#first) return this.#firstAddress;
    if (bytes === this.#second) return this.#secondAddress;
    this.#second = this.#first;
    this.#secondAddress = this.#firstAddress;
    this.#first = bytes;
    this.#firstAddress = addressOf(this.#calls, bytes);
    return this.#firstAddress;
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

function loadCalls(): Calls | undefined {
  const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;
  const libc = loadLibc(koffi);
  if (libc === undefined) return undefined;
  return {
    koffi,
    recv: libc.func('long recv(int, uintptr_t, size_t, int)'),
    send: libc.func('long send(int, uintptr_t, size_t, int)'),
    epollCreate: libc.func('int epoll_create1(int)'),
    epollControl: libc.func('int epoll_ctl(int, int, int, uintptr_t)'),
    epollWait: libc.func('int epoll_wait(int, uintptr_t, int, int)'),
    eventDescriptor: libc.func('int eventfd(unsigned int, int)'),
    close: libc.func('int close(int)'),
  };
}

function loadLibc(koffi: typeof koffiModule): koffiModule.LibraryHandle | undefined {
  try {
    return koffi.load('libc.so.6');
  } catch {
    // Another C library than glibc.
    return undefined;
  }
}

function addressOf({ koffi }: Calls, bytes: Uint8Array | Int32Array): number {
  return Number(koffi.address(bytes));
}
