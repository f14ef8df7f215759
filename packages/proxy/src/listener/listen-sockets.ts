import type { Logger, Problem } from '@lateen/core';
import { formatAddress, type Address } from '../model/address.ts';
import type { Listener } from '../model/listener.ts';
import { listenErrorText } from '../wire/listen-error.ts';
import { handleError } from '../wire/socket-handle.ts';
import type { LazyTransparentSockets } from '../wire/transparent-socket.ts';
import type { ThreadShare } from '../workers/thread-share.ts';
import { ListenSocket } from './listen-socket.ts';

/** Where sockets that listen already are. */
export interface SocketSource {
  /** Where other threads of this process serve too. */
  readonly share: ThreadShare | undefined;
  /** Gives the descriptor of a socket of this address that listens already, once; undefined: there is none. */
  readonly takeSocket?: ((address: Address) => Promise<number | undefined> | number | undefined) | undefined;
}

const addressesOf = (listener: Listener): readonly Address[] =>
  listener.bindToPort ? [listener.address, ...listener.additionalAddresses] : [];

/** The sockets of listeners by their addresses, as they were asked for. */
export type SocketsByAddress = Map<string, ListenSocket>;

/** Has sockets for listeners: kept, handed over by others, taken from another process or thread, or bound. */
export class ListenSockets {
  readonly #transparent: LazyTransparentSockets;
  readonly #logger: Logger;
  readonly #source: SocketSource;
  /** Sockets that close when what waits at them is accepted; their addresses are free then. */
  readonly #closing = new Map<string, Promise<void>>();
  readonly #isTransparent = new WeakSet<ListenSocket>();

  constructor(transparent: LazyTransparentSockets, logger: Logger, source: SocketSource) {
    this.#transparent = transparent;
    this.#logger = logger;
    this.#source = source;
  }

  /**
   * Sockets for all addresses of a listener: those that it has (`present`), those of listeners that go at the same time
   * (`going`, which lose them), as Envoy has it, and new ones; the problem where one cannot be had.
   */
  async bind(
    model: Listener,
    present: SocketsByAddress | undefined,
    going: readonly SocketsByAddress[],
  ): Promise<SocketsByAddress | Problem> {
    const sockets: SocketsByAddress = new Map();
    const undo: (() => void)[] = [];
    for (const address of addressesOf(model)) {
      const key = formatAddress(address);
      const kept = present?.get(key);
      if (kept !== undefined) {
        sockets.set(key, kept);
        this.#suit(model, address, kept);
        continue;
      }
      const giver = going.find((list) => list.has(key));
      const given = giver?.get(key);
      if (given !== undefined) this.#suit(model, address, given);
      const socket = given ?? (await this.#listen(model, address, key));
      if (socket instanceof Error) {
        for (const giveBack of undo) giveBack();
        return { path: 'address', message: listenErrorText(key, socket) };
      }
      giver?.delete(key);
      undo.push(() => (giver === undefined ? socket.close() : giver.set(key, socket)));
      sockets.set(key, socket);
    }
    return sockets;
  }

  /** Closes a socket after what waits at it. */
  closeAfterQueue(key: string, socket: ListenSocket): void {
    const closed = socket.closeAfterQueue().then(() => {
      if (this.#closing.get(key) === closed) this.#closing.delete(key);
    });
    this.#closing.set(key, closed);
  }

  async #listen(model: Listener, address: Address, key: string): Promise<ListenSocket | Error> {
    await this.#closing.get(key);
    const taken = this.#source.takeSocket?.(address);
    const fd = taken instanceof Promise ? await taken : taken;
    const { tcpBacklog: backlog, reusePort } = model;
    const shared = this.#source.share?.leads === false;
    if (shared && fd === undefined) return new Error('the first worker does not listen there');
    const socket = await ListenSocket.open({ address, backlog, reusePort, fd, shared }, (error) =>
      this.#logger.warn('cannot accept', { listener: model.name, error: error.message }),
    );
    if (socket instanceof Error) return socket;
    const problem = this.#setTransparent(model, address, socket);
    if (problem !== undefined) socket.close();
    return problem ?? socket;
  }

  /**
   * Lets a socket that listens already be what another version asks for, for the connections that come. Envoy opens another
   * socket for that; the length of its backlog stays what it was there too.
   */
  #suit(model: Listener, address: Address, socket: ListenSocket): void {
    const problem = this.#setTransparent(model, address, socket);
    if (problem !== undefined)
      this.#logger.warn('a listening socket stays as it was', {
        listener: model.name,
        error: problem.message,
      });
  }

  #setTransparent({ transparent }: Listener, address: Address, socket: ListenSocket): Error | undefined {
    if (this.#isTransparent.has(socket) === transparent) return undefined;
    const six = address.kind === 'socket' && address.address.includes(':');
    const status = this.#transparent.sockets.listen(socket.fd ?? -1, six ? 6 : 4, transparent);
    if (status !== 0) return handleError(status, 'setsockopt IP_TRANSPARENT');
    if (transparent) this.#isTransparent.add(socket);
    else this.#isTransparent.delete(socket);
    return undefined;
  }
}
