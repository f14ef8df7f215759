import { closeSync } from 'node:fs';
import { createServer, isIP, type ListenOptions, type Server } from 'node:net';
import type { Address, SocketAddress } from '../model/address.ts';
import type { DescriptorListener } from '../wire/descriptor-listener.ts';
import { handleError, type SocketHandle } from '../wire/socket-handle.ts';
import { bindTcp, createListener, openSocketPoll } from '../wire/sockets.ts';
import { takeConnections } from './accept.ts';
import { SocketPath } from '../wire/socket-path.ts';

/** Takes a connection; `own` is the address at our end, where all connections of the socket have the same. */
export type OnConnection = (socket: SocketHandle, own: SocketAddress | undefined) => void;

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

/** Node's; the kernel takes the lower of it and net.core.somaxconn. */
const defaultBacklog = 511;

/**
 * A socket that listens, of this process's own making or taken over from the one before it.
 *
 * Connections that come before somebody serves them wait. A socket that was taken over accepts nothing before
 * {@link start}: until then it is the other process that serves.
 */
export class ListenSocket {
  readonly #options: ListenSocketOptions;
  readonly #onError: (error: Error) => void;
  /** One of the two, once it listens: the server where the address is a path or a name, or libuv has to serve. */
  #listener: DescriptorListener | undefined;
  #server: Server | undefined;
  readonly #early: SocketHandle[] = [];
  #onConnection: OnConnection | undefined;
  #own: SocketAddress | undefined;
  /** Of a Unix domain socket. */
  readonly #path: SocketPath | undefined;
  #state: 'held' | 'listening' | 'closing' | 'closed';
  #closing: Promise<void> | undefined;

  private constructor(options: ListenSocketOptions, onError: (error: Error) => void) {
    this.#options = options;
    this.#onError = onError;
    const { address } = options;
    if (!options.shared && address.kind === 'pipe' && !address.path.startsWith('\0'))
      this.#path = new SocketPath(address.path, address.mode);
    this.#state = options.fd === undefined ? 'listening' : 'held';
  }

  /** Binds and listens; the error where that cannot be. */
  static async open(
    options: ListenSocketOptions,
    onError: (error: Error) => void,
  ): Promise<ListenSocket | Error> {
    await openSocketPoll();
    const socket = new ListenSocket(options, onError);
    if (options.fd !== undefined) return socket;
    return (await socket.#bind()) ?? socket;
  }

  /** Where it listens; the port that was chosen where 0 was asked for. */
  get address(): Address {
    if (this.#listener !== undefined) return { kind: 'socket', ...this.#listener.name };
    const bound = this.#server?.address() ?? null;
    if (bound === null || typeof bound === 'string') return this.#options.address;
    return { kind: 'socket', address: bound.address, port: bound.port };
  }

  /** Its descriptor, to be handed on; undefined where it is closed. */
  get fd(): number | undefined {
    if (this.#state === 'held') return this.#options.fd;
    if (this.#state === 'closed') return undefined;
    if (this.#listener !== undefined) return this.#listener.fd;
    const server = this.#server as unknown as
      | { readonly _handle: { readonly fd: number } | null }
      | undefined;
    const fd = server?._handle?.fd ?? -1;
    return fd < 0 ? undefined : fd;
  }

  /** Another process listens here as well, and goes on when this one has ended. */
  noteHandedOn(): void {
    this.#path?.leave();
  }

  /** From now on connections are given to `to`, those first that have come before. */
  serve(to: OnConnection): void {
    this.#onConnection = to;
    for (const socket of this.#early.splice(0)) to(socket, this.#own);
  }

  /** Accepts on a socket that was taken over. */
  start(): void {
    const { fd, address } = this.#options;
    if (this.#state !== 'held' || fd === undefined) return;
    this.#state = 'listening';
    if (address.kind === 'socket') {
      const error = this.#listenOn(fd);
      if (error === undefined) return;
      if (error !== 'libuv') {
        this.#onError(error);
        return;
      }
    }
    this.#server = this.#createServer();
    this.#server.listen({ fd, ...this.#backlog() });
    this.#take(this.#server);
  }

  /** Closes after what the kernel has accepted for us, which closing would reset. */
  closeAfterQueue(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    if (this.#state !== 'listening') {
      this.close();
      return Promise.resolve();
    }
    this.#state = 'closing';
    return (this.#closing = new Promise((resolve) => {
      const close = (): void => {
        this.#listener?.acceptAll();
        this.close();
        resolve();
      };
      // A whole pass of the event loop first, which lets connections come that clients have asked for.
      setImmediate(() => setImmediate(close));
    }));
  }

  close(): void {
    if (this.#state === 'held' && this.#options.fd !== undefined) closeSync(this.#options.fd);
    else if (this.#state !== 'closed') {
      this.#listener?.close();
      this.#server?.close();
    }
    this.#state = 'closed';
    this.#path?.remove();
    for (const socket of this.#early.splice(0)) socket.close(false);
  }

  async #bind(): Promise<Error | undefined> {
    const { address } = this.#options;
    if (address.kind === 'socket' && isIP(address.address.replace(/%.*$/, '')) !== 0) {
      const fd = bindTcp(address);
      if (fd !== undefined && fd < 0) return handleError(fd, 'bind');
      const error = fd === undefined ? 'libuv' : this.#listenOn(fd);
      if (error !== 'libuv') return error;
    }
    return this.#bindServer();
  }

  /** Listens on a socket that is bound. An error, or that libuv has to. */
  #listenOn(fd: number): Error | 'libuv' | undefined {
    const listener = createListener(fd, (socket) => this.#give(socket), this.#onError);
    if (listener === undefined) return 'libuv';
    this.#listener = listener;
    const status = listener.listen(this.#options.backlog ?? defaultBacklog);
    if (status < 0) {
      this.close();
      return handleError(status, 'listen');
    }
    this.#own = fixedAddress(this.address);
    return undefined;
  }

  #bindServer(): Promise<Error | undefined> {
    const { address } = this.#options;
    const server = this.#createServer();
    this.#server = server;
    return new Promise((resolve) => {
      const place: ListenOptions =
        address.kind === 'pipe'
          ? { path: this.#path?.bindTo ?? address.path }
          : { host: address.address, port: address.port };
      server.once('error', resolve);
      server.listen({ ...place, ...this.#backlog() }, () => {
        server.off('error', resolve);
        this.#path?.show();
        this.#take(server);
        resolve(undefined);
      });
    });
  }

  #createServer(): Server {
    return createServer().on('error', this.#onError);
  }

  #take(server: Server): void {
    this.#path?.note();
    this.#own = fixedAddress(this.address);
    takeConnections(server, (socket) => this.#give(socket));
  }

  #give(socket: SocketHandle): void {
    if (this.#onConnection === undefined) this.#early.push(socket);
    else this.#onConnection(socket, this.#own);
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
