import { closeSync } from 'node:fs';
import { createServer, type ListenOptions, type Server } from 'node:net';
import type { Address, SocketAddress } from '../model/address.ts';
import { listenPlace } from '../wire/listen-place.ts';
import { closeHandle, type TransportHandle } from '../wire/stream-handle.ts';
import { takeConnections } from './accept.ts';
import { SocketPath } from './socket-path.ts';

/** Takes a connection; `own` is the address at our end, where all connections of the socket have the same. */
export type OnConnection = (handle: TransportHandle, own: SocketAddress | undefined) => void;

export interface ListenSocketOptions {
  readonly address: Address;
  readonly backlog: number | undefined;
  /** False: another worker of the process may not share it (Envoy, `enable_reuse_port`). */
  readonly reusePort: boolean;
  /** The descriptor of a socket that listens already; it is ours from now on. */
  readonly fd: number | undefined;
  /** Others of this process listen on it as well: the file of a Unix domain socket is theirs. */
  readonly shared: boolean;
}

/**
 * A socket that listens, of this process's own making or taken over from the one before it.
 *
 * Connections that come before somebody serves them wait. A socket that was taken over accepts nothing before
 * {@link start}: until then it is the other process that serves.
 */
export class ListenSocket {
  readonly #options: ListenSocketOptions;
  readonly #server: Server = createServer();
  readonly #early: TransportHandle[] = [];
  #onConnection: OnConnection | undefined;
  #own: SocketAddress | undefined;
  /** Of a Unix domain socket. */
  readonly #path: SocketPath | undefined;
  #state: 'held' | 'listening' | 'closing' | 'closed';

  private constructor(options: ListenSocketOptions) {
    this.#options = options;
    const { address } = options;
    if (!options.shared && address.kind === 'pipe' && !address.path.startsWith('\0'))
      this.#path = new SocketPath(address.path);
    this.#state = options.fd === undefined ? 'listening' : 'held';
  }

  /** Binds and listens; the error where that cannot be. */
  static async open(
    options: ListenSocketOptions,
    onError: (error: Error) => void,
  ): Promise<ListenSocket | Error> {
    const socket = new ListenSocket(options);
    if (options.fd === undefined) {
      const error = await socket.#bind();
      if (error !== undefined) return error;
    }
    socket.#server.on('error', onError);
    return socket;
  }

  /** Where it listens; the port that was chosen where 0 was asked for. */
  get address(): Address {
    const bound = this.#server.address();
    if (bound === null || typeof bound === 'string') return this.#options.address;
    return { kind: 'socket', address: bound.address, port: bound.port };
  }

  /** Its descriptor, to be handed on; undefined where it is closed. */
  get fd(): number | undefined {
    if (this.#state === 'held') return this.#options.fd;
    const handle = (this.#server as unknown as { readonly _handle: { readonly fd: number } | null })._handle;
    return handle === null || handle.fd < 0 ? undefined : handle.fd;
  }

  /** Another process listens here as well, and goes on when this one has ended. */
  noteHandedOn(): void {
    this.#path?.leave();
  }

  /** From now on connections are given to `to`, those first that have come before. */
  serve(to: OnConnection): void {
    this.#onConnection = to;
    for (const handle of this.#early.splice(0)) to(handle, this.#own);
  }

  /** Accepts on a socket that was taken over. */
  start(): void {
    if (this.#state !== 'held') return;
    this.#state = 'listening';
    this.#server.listen({ fd: this.#options.fd, ...this.#backlog() });
    this.#take();
  }

  /**
   * Closes after what the kernel has accepted for us, which closing would reset: a whole pass of the event loop, which
   * takes every connection that waits, comes before.
   */
  closeAfterQueue(): Promise<void> {
    if (this.#state !== 'listening') {
      this.close();
      return Promise.resolve();
    }
    this.#state = 'closing';
    return new Promise((resolve) => {
      const close = (): void => {
        this.close();
        resolve();
      };
      setImmediate(() => setImmediate(close));
    });
  }

  close(): void {
    if (this.#state === 'held' && this.#options.fd !== undefined) closeSync(this.#options.fd);
    else if (this.#state !== 'closed') this.#server.close();
    this.#state = 'closed';
    this.#path?.remove();
    for (const handle of this.#early.splice(0)) closeHandle(handle, false);
  }

  #bind(): Promise<Error | undefined> {
    const { address, reusePort } = this.#options;
    return new Promise((resolve) => {
      let place: ListenOptions;
      try {
        place =
          address.kind === 'pipe'
            ? { path: this.#path?.bindTo ?? address.path }
            : listenPlace(address, reusePort);
      } catch (error) {
        resolve(error as Error);
        return;
      }
      this.#server.once('error', resolve);
      this.#server.listen({ ...place, ...this.#backlog() }, () => {
        this.#server.off('error', resolve);
        this.#path?.show();
        this.#take();
        resolve(undefined);
      });
    });
  }

  #take(): void {
    this.#path?.note();
    this.#own = fixedAddress(this.address);
    takeConnections(this.#server, (handle) => {
      if (this.#onConnection === undefined) this.#early.push(handle);
      else this.#onConnection(handle, this.#own);
    });
  }

  #backlog(): { readonly backlog?: number } {
    const { backlog } = this.#options;
    return backlog === undefined ? {} : { backlog };
  }
}

/** The address that every connection of a socket has at our end; undefined where it listens on all of the host's. */
function fixedAddress(bound: Address): SocketAddress | undefined {
  if (bound.kind === 'pipe') return { kind: 'socket', address: '', port: 0 };
  return bound.address === '0.0.0.0' || bound.address === '::' ? undefined : bound;
}
