import { DescriptorSocket, type SocketCalls } from './descriptor-socket.ts';
import { handleError, type HandleName, type SocketHandle } from './socket-handle.ts';
import { readable, type Watcher } from './socket-poll.ts';
import { errors } from './system-calls.ts';

/** Connections that are accepted in one pass of the event loop, so that those that are there are served too. */
const acceptsAtOnce = 16;
/** How long nothing is accepted after descriptors or memory have run out: the connections wait in the kernel. */
const restMs = 100;
/** It is said no more often than this. */
const sayEveryMs = 10_000;

/** A TCP socket that is bound, and that listens when it is told to. */
export class DescriptorListener implements Watcher {
  readonly fd: number;
  watched = 0;
  readonly #shared: SocketCalls;
  readonly #onConnection: (socket: SocketHandle) => void;
  readonly #onError: (error: Error) => void;
  #isClosed = false;
  #rest: NodeJS.Timeout | undefined;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    shared: SocketCalls,
    fd: number,
    onConnection: (socket: SocketHandle) => void,
    onError: (error: Error) => void,
  ) {
    this.#shared = shared;
    this.fd = fd;
    this.#onConnection = onConnection;
    this.#onError = onError;
    shared.poll.adopt(this);
  }

  /** Listens, where nobody has made the socket listen before, and accepts; 0, or an error of libuv. */
  listen(backlog: number): number {
    // Linux hands TCP_NODELAY on to the connections of a listening socket.
    this.#shared.setNoDelay(this.fd);
    const { listen, errno } = this.#shared.calls;
    if (listen(this.fd, backlog) !== 0) return -errno();
    return this.#shared.poll.watch(this, readable);
  }

  /** Our address. */
  get name(): HandleName {
    return this.#shared.nameOf(this.fd, 'own');
  }

  onReady(): void {
    for (let i = 0; i < acceptsAtOnce && this.#acceptOne(); i++);
  }

  /** Accepts all that wait: closing would reset them. */
  acceptAll(): void {
    while (this.#acceptOne());
  }

  /** False where there was none. */
  #acceptOne(): boolean {
    if (this.#isClosed) return false;
    const fd = this.#shared.accept(this.fd);
    if (fd >= 0) {
      this.#onConnection(new DescriptorSocket(this.#shared, fd, this.#shared.lastName()));
      return true;
    }
    if (fd === -errors.EAGAIN) return false;
    // The peer of this one has gone; there may be others.
    if (fd === -errors.ECONNABORTED || fd === -errors.EINTR) return true;
    const nowMs = performance.now();
    if (nowMs - this.#saidAtMs >= sayEveryMs) {
      this.#saidAtMs = nowMs;
      this.#onError(handleError(fd, 'accept'));
    }
    this.#pause();
    return false;
  }

  /** The kernel would tell of the same connections at once. */
  #pause(): void {
    this.#shared.poll.watch(this, 0);
    this.#rest ??= setTimeout(() => {
      this.#rest = undefined;
      if (!this.#isClosed) this.#shared.poll.watch(this, readable);
    }, restMs);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#rest);
    // Other processes and threads may listen on copies, for which the kernel would go on to tell us (epoll(7)).
    this.#shared.poll.watch(this, 0);
    this.#shared.poll.close(this);
  }

  onClosed(): void {}
}
