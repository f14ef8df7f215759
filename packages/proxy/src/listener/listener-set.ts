import { createServer, type Server } from 'node:net';
import { codeOf, type Logger, type Problem } from '@lateen/core';
import { formatAddress, type Address, type SocketAddress } from '../model/address.ts';
import type { ResourceChange } from '../model/change.ts';
import type { ListenerStatus } from '../model/data-plane.ts';
import type { Listener } from '../model/listener.ts';
import { ListenerStats } from '../telemetry/listener-stats.ts';
import type { StatsRegistry } from '../telemetry/stats-registry.ts';
import { PlainWire } from '../wire/plain-wire.ts';
import { closeHandle, type TransportHandle } from '../wire/stream-handle.ts';
import { compileListener, type CompiledListener, type ListenerContext } from './compiled-listener.ts';
import { takeConnections } from './accept.ts';
import { Incoming, type Accepted } from './incoming.ts';
import { loadOriginalDestination, type OriginalDestination } from './original-destination.ts';

/** A listener that cannot be used. */
export interface RefusedListener {
  readonly name: string;
  readonly problems: readonly Problem[];
}

interface Active {
  compiled: CompiledListener;
  readonly stats: ListenerStats;
  readonly connections: Set<Incoming>;
  readonly sockets: Map<string, Server>;
}

const addressesOf = (listener: Listener): readonly Address[] =>
  listener.bindToPort ? [listener.address, ...listener.additionalAddresses] : [];

/** All listeners of a data plane: their sockets, and who serves what arrives at them. */
export class ListenerSet {
  readonly #context: ListenerContext;
  readonly #registry: StatsRegistry;
  readonly #logger: Logger;
  readonly #active = new Map<string, Active>();
  /** Listeners without a socket, by the address that connections must have wanted. */
  #virtual = new Map<string, Active>();
  #originalDestination: OriginalDestination | undefined;
  #nextId = 1;
  #accepting = true;

  constructor(context: ListenerContext, registry: StatsRegistry, logger: Logger) {
    this.#context = context;
    this.#registry = registry;
    this.#logger = logger;
  }

  get activeConnections(): number {
    let count = 0;
    for (const { connections } of this.#active.values()) count += connections.size;
    return count;
  }

  /** Puts listeners in force, their sockets bound first; those that cannot be used are told of, and what was stays. */
  async update({ set = [], remove = [] }: ResourceChange<Listener>): Promise<RefusedListener[]> {
    const refused: RefusedListener[] = [];
    const ready: { readonly compiled: CompiledListener; readonly sockets: Map<string, Server> }[] = [];
    for (const model of set) {
      await this.#context.lazyFilters.load(model);
      const compiled = compileListener(model, this.#context);
      if (!compiled.ok) {
        refused.push({ name: model.name, problems: compiled.problems });
        continue;
      }
      if (compiled.value.needsOriginalDestination)
        this.#originalDestination ??= await loadOriginalDestination();
      const sockets = await this.#bind(model);
      if (sockets instanceof Map) ready.push({ compiled: compiled.value, sockets });
      else refused.push({ name: model.name, problems: [sockets] });
    }
    for (const { compiled, sockets } of ready) this.#install(compiled, sockets);
    for (const name of remove) this.#remove(name);
    this.#indexVirtual();
    return refused;
  }

  status(): ListenerStatus[] {
    return [...this.#active.values()].map(({ compiled, connections, sockets }) => ({
      listener: compiled.model,
      boundAddresses: [...sockets.values()].map((server) => boundAddress(server, compiled.model.address)),
      activeConnections: connections.size,
      state: this.#accepting ? 'active' : 'draining',
    }));
  }

  /** Takes no new connection. */
  stopAccepting(): void {
    this.#accepting = false;
    for (const { sockets } of this.#active.values()) {
      for (const server of sockets.values()) server.close();
      sockets.clear();
    }
  }

  /** Asks every connection to end after what it carries. */
  drainConnections(): void {
    for (const { connections } of this.#active.values())
      for (const connection of connections) connection.drain();
  }

  close(): void {
    this.stopAccepting();
    for (const { connections } of this.#active.values())
      for (const connection of connections) connection.close();
  }

  /** Sockets for all addresses of a listener: those that it has, and new ones; the problem where one cannot be had. */
  async #bind(model: Listener): Promise<Map<string, Server> | Problem> {
    const present = this.#active.get(model.name)?.sockets;
    const sockets = new Map<string, Server>();
    const opened: Server[] = [];
    for (const address of addressesOf(model)) {
      const key = formatAddress(address);
      const kept = present?.get(key);
      if (kept !== undefined) {
        sockets.set(key, kept);
        continue;
      }
      const server = await this.#listen(model, address);
      if (server instanceof Error) {
        for (const other of opened) other.close();
        return { path: 'address', message: `cannot listen on ${key}: ${codeOf(server) ?? server.message}` };
      }
      opened.push(server);
      sockets.set(key, server);
    }
    return sockets;
  }

  #listen(model: Listener, address: Address): Promise<Server | Error> {
    const server = createServer();
    const backlog = model.tcpBacklog === undefined ? {} : { backlog: model.tcpBacklog };
    const place =
      address.kind === 'pipe'
        ? { path: address.path }
        : { host: address.address, port: address.port, ...(model.reusePort ? {} : { exclusive: true }) };
    return new Promise((resolve) => {
      server.once('error', resolve);
      server.listen({ ...place, ...backlog }, () => {
        server.off('error', resolve);
        const own = fixedAddress(server, address);
        takeConnections(server, (handle) => this.#accept(model.name, handle, own));
        server.on('error', (error) =>
          this.#logger.warn('cannot accept', { listener: model.name, error: error.message }),
        );
        resolve(server);
      });
    });
  }

  #install(compiled: CompiledListener, sockets: Map<string, Server>): void {
    const { model } = compiled;
    const present = this.#active.get(model.name);
    if (present !== undefined) {
      for (const [key, server] of present.sockets) if (sockets.get(key) !== server) server.close();
      present.sockets.clear();
      for (const [key, server] of sockets) present.sockets.set(key, server);
      present.compiled = compiled;
      return;
    }
    const stats = new ListenerStats(model.statPrefix ?? formatAddress(model.address));
    this.#registry.add(stats);
    this.#active.set(model.name, { compiled, stats, connections: new Set(), sockets });
  }

  #remove(name: string): void {
    const active = this.#active.get(name);
    if (active === undefined) return;
    for (const server of active.sockets.values()) server.close();
    for (const connection of active.connections) connection.drain();
    this.#registry.remove(active.stats);
    this.#active.delete(name);
  }

  #indexVirtual(): void {
    this.#virtual = new Map();
    for (const active of this.#active.values()) {
      const { model } = active.compiled;
      if (!model.bindToPort) this.#virtual.set(formatAddress(model.address), active);
    }
  }

  #accept(name: string, handle: TransportHandle, own: SocketAddress | undefined): void {
    const bound = this.#active.get(name);
    if (bound === undefined || !this.#accepting) {
      closeHandle(handle, false);
      return;
    }
    const { turn } = this.#context;
    turn.enter();
    try {
      this.#serve(bound, handle, own);
    } finally {
      turn.leave();
    }
  }

  #serve(bound: Active, handle: TransportHandle, own: SocketAddress | undefined): void {
    const wire = new PlainWire(this.#context.turn, handle, this.#context.readBuffer);
    wire.resume();
    const { compiled } = bound;
    const original = compiled.needsOriginalDestination ? this.#originalDestination?.(wire.fd) : undefined;
    const active =
      compiled.model.useOriginalDst && original !== undefined ? this.#listenerFor(original, bound) : bound;
    const { stats, connections } = active;
    const limit = active.compiled.model.maxConnections;
    if (limit !== undefined && connections.size >= limit) {
      stats.cxOverflow++;
      wire.destroy();
      return;
    }
    stats.cxTotal++;
    stats.cxActive++;
    const accepted: Accepted = {
      id: this.#nextId++,
      remote: { kind: 'socket', address: plainAddress(wire.remoteAddress), port: wire.remotePort },
      local: original ?? own ?? localAddress(wire),
      originalDestination: original,
    };
    const incoming = new Incoming(
      active.compiled,
      wire,
      accepted,
      stats,
      this.#context.timers,
      this.#context.turn,
      () => {
        stats.cxActive--;
        stats.cxDestroy++;
        connections.delete(incoming);
      },
    );
    connections.add(incoming);
    incoming.start();
  }

  /** The listener of an original destination: the exact address, then any address with its port, then the one that was reached. */
  #listenerFor({ address, port }: SocketAddress, bound: Active): Active {
    const any = address.includes(':') ? '[::]' : '0.0.0.0';
    const exact = address.includes(':') ? `[${address}]` : address;
    return this.#virtual.get(`${exact}:${port}`) ?? this.#virtual.get(`${any}:${port}`) ?? bound;
  }
}

/** IPv4 in IPv6's clothes, as sockets of both families show it, in its own. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

function localAddress(wire: PlainWire): SocketAddress {
  return { kind: 'socket', address: plainAddress(wire.localAddress), port: wire.localPort };
}

/** The address that every connection of a socket has at our end; undefined where it listens on all of the host's. */
function fixedAddress(server: Server, asked: Address): SocketAddress | undefined {
  const bound = boundAddress(server, asked);
  if (bound.kind === 'pipe') return { kind: 'socket', address: '', port: 0 };
  return bound.address === '0.0.0.0' || bound.address === '::' ? undefined : bound;
}

function boundAddress(server: Server, asked: Address): Address {
  const address = server.address();
  if (address === null || typeof address === 'string') return asked;
  return { kind: 'socket', address: address.address, port: address.port };
}
