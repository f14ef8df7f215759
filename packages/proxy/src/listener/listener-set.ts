import { closeSync } from 'node:fs';
import { NumberMap, ok, type Logger, type Problem, type Result, type Timer } from '@lateen/core';
import { DrainSchedule, type DrainStrategy } from '../drain/drain-schedule.ts';
import { formatAddress, type SocketAddress } from '../model/address.ts';
import type { ResourceChange } from '../model/change.ts';
import type { ListenerChoice, ListenerStatus } from '../model/status.ts';
import type { Listener } from '../model/listener.ts';
import { ListenerStats } from '../telemetry/listener-stats.ts';
import type { StatGroup } from '../telemetry/stat-group.ts';
import type { StatsRegistry } from '../telemetry/stats-registry.ts';
import { PlainWire } from '../wire/plain-wire.ts';
import type { SocketHandle } from '../wire/socket-handle.ts';
import { createTcpSocket } from '../wire/sockets.ts';
import { ConnectionBalance } from './connection-balance.ts';
import { compileListener, type CompiledListener, type ListenerContext } from './compiled-listener.ts';
import { ConnectionLoad, type ClientConnections, type LoadedListener } from './connection-load.ts';
import { Incoming, type Accepted } from './incoming.ts';
import type { ListenSocket } from './listen-socket.ts';
import { ListenSockets, type SocketSource } from './listen-sockets.ts';
import { loadOriginalDestination, type OriginalDestination } from './original-destination.ts';

/** A listener that cannot be used. */
export interface RefusedListener {
  readonly name: string;
  readonly problems: readonly Problem[];
}

interface Active extends LoadedListener {
  compiled: CompiledListener;
  readonly balance: ConnectionBalance | undefined;
  /** By their ids. */
  readonly connections: NumberMap<Incoming>;
  readonly sockets: Map<string, ListenSocket>;
}

/** Where a listener's sockets come from, and how long those that go take. */
export interface ListenerSetOptions extends SocketSource {
  readonly drainTimeMs: number;
  readonly drainStrategy: DrainStrategy;
}

/** When in the drain time connections that carry nothing are told to go. */
const idleShare = 0.9;

const isInbound = (listener: Listener): boolean => listener.trafficDirection === 'inbound';

/** All listeners of a data plane: their sockets, and who serves what arrives at them. */
export class ListenerSet {
  readonly #context: ListenerContext;
  readonly #registry: StatsRegistry;
  readonly #active = new Map<string, Active>();
  /** Listeners without a socket, by the address that connections must have wanted. */
  #virtual = new Map<string, Active>();
  #originalDestination: OriginalDestination | undefined;
  /** Whose sockets are closed, and stay so: also what comes of these afterwards does not listen. */
  #stopped: ListenerChoice | 'none' = 'none';
  /** Of inbound listeners, where they are drained alone. */
  readonly #inboundDrain: DrainSchedule;
  readonly #options: ListenerSetOptions;
  /** Removed listeners that still have connections. */
  readonly #leaving = new Set<Active>();
  readonly #drains = new Set<Timer>();

  readonly #workerStats = new WeakMap<ListenerStats, StatGroup>();
  readonly #load: ConnectionLoad;
  /** Sockets that are taken from now on are accepted on at once. */
  #startsTaken = false;
  readonly #sockets: ListenSockets;
  /** Compiled before they are to be put in force, by their names. */
  readonly #prepared = new Map<string, CompiledListener>();

  constructor(
    context: ListenerContext,
    registry: StatsRegistry,
    logger: Logger,
    options: ListenerSetOptions,
  ) {
    this.#context = context;
    this.#registry = registry;
    this.#options = options;
    this.#load = new ConnectionLoad(context, options.share);
    this.#sockets = new ListenSockets(context.transparent, logger, options);
    this.#inboundDrain = new DrainSchedule(context.clock, context.random);
  }

  /** Connections of all listeners, those that leave among them. */
  get activeConnections(): number {
    return this.#load.connections;
  }

  get clientConnections(): ClientConnections {
    return this.#load.clients;
  }

  /** Puts listeners in force, their sockets bound first; those that cannot be used are told of, and what was stays. */
  async update({ set = [], remove = [] }: ResourceChange<Listener>): Promise<RefusedListener[]> {
    const refused: RefusedListener[] = [];
    const ready: { readonly compiled: CompiledListener; readonly sockets: Map<string, ListenSocket> }[] = [];
    for (const model of set) {
      const compiled = await this.#preparedOr(model);
      if (!compiled.ok) {
        refused.push({ name: model.name, problems: compiled.problems });
        continue;
      }
      if (compiled.value.needsTransparentSockets) await this.#context.transparent.load();
      if (compiled.value.needsOriginalDestination)
        this.#originalDestination ??= await loadOriginalDestination();
      const sockets = await this.#bind(model, remove);
      if (sockets instanceof Map) {
        ready.push({ compiled: compiled.value, sockets });
        continue;
      }
      compiled.value.upkeep.stop();
      refused.push({ name: model.name, problems: [sockets] });
    }
    for (const { compiled, sockets } of ready) this.#install(compiled, sockets);
    for (const name of remove) this.#remove(name);
    this.#indexVirtual();
    return refused;
  }

  /** Begins what goes on by itself for a version that is to come; resolves when it may take connections. */
  async prepare(model: Listener): Promise<void> {
    const compiled = await this.#compile(model);
    if (!compiled.ok) return;
    this.#dropPrepared(model.name);
    this.#prepared.set(model.name, compiled.value);
    await compiled.value.upkeep.start();
  }

  /** What of these could not be used; none is put in force, and no socket is bound. */
  async check(set: readonly Listener[]): Promise<RefusedListener[]> {
    const refused: RefusedListener[] = [];
    for (const model of set) {
      const compiled = await this.#compile(model);
      if (!compiled.ok) refused.push({ name: model.name, problems: compiled.problems });
    }
    return refused;
  }

  status(): ListenerStatus[] {
    return [...this.#active.values()].map(({ compiled, connections, sockets }) => ({
      listener: compiled.model,
      boundAddresses: [...sockets.values()].map((socket) => socket.address),
      activeConnections: connections.size,
      state: this.#isLeaving(compiled) ? 'draining' : 'active',
    }));
  }

  #isLeaving({ model, draining }: CompiledListener): boolean {
    return draining || !this.#listens(model) || (this.#inboundDrain.started && isInbound(model));
  }

  /** False for listeners whose sockets were closed for good. */
  #listens(model: Listener): boolean {
    return this.#stopped === 'none' || (this.#stopped === 'inbound' && !isInbound(model));
  }

  /** The listening sockets by address, as they were asked for. */
  sockets(): ReadonlyMap<string, ListenSocket> {
    return new Map([...this.#active.values()].flatMap(({ sockets }) => [...sockets]));
  }

  /** Accepts on the sockets that were taken over from another process. */
  startAccepting(): void {
    this.#startsTaken = true;
    for (const { sockets } of this.#active.values()) for (const socket of sockets.values()) socket.start();
  }

  /** Takes no new connection but those that wait already; resolves when that is so. Later versions do not listen either. */
  async stopAccepting(only: ListenerChoice): Promise<void> {
    if (this.#stopped !== 'all') this.#stopped = only;
    const chosen = [...this.#active.values()].filter(({ compiled }) => !this.#listens(compiled.model));
    await Promise.all(
      chosen.flatMap(({ sockets }) => [...sockets.values()].map((socket) => socket.closeAfterQueue())),
    );
    for (const { sockets } of chosen) sockets.clear();
  }

  /** Lets the answers of inbound listeners end their connections, over the drain time. */
  startDrainingInbound(): void {
    const { drainTimeMs, drainStrategy } = this.#options;
    this.#inboundDrain.start(drainTimeMs, drainStrategy);
  }

  /** True where the answer of an inbound listener is to be the last of its connection. */
  closesInbound(): boolean {
    return this.#inboundDrain.closes();
  }

  /** Asks every connection to end after what it carries. */
  drainConnections(): void {
    for (const active of [...this.#active.values(), ...this.#leaving])
      for (const connection of active.connections.values()) connection.drain();
  }

  close(): void {
    this.#stopped = 'all';
    for (const timer of this.#drains) timer.cancel();
    this.#drains.clear();
    for (const { sockets, connections } of [...this.#active.values(), ...this.#leaving]) {
      for (const socket of sockets.values()) socket.close();
      for (const connection of connections.values()) connection.close();
    }
    for (const { compiled } of this.#active.values()) compiled.upkeep.stop();
    for (const name of this.#prepared.keys()) this.#dropPrepared(name);
  }

  #dropPrepared(name: string): void {
    this.#prepared.get(name)?.upkeep.stop();
    this.#prepared.delete(name);
  }

  #preparedOr(model: Listener): Promise<Result<CompiledListener>> {
    const prepared = this.#prepared.get(model.name);
    if (prepared?.model !== model) {
      this.#dropPrepared(model.name);
      return this.#compile(model);
    }
    this.#prepared.delete(model.name);
    return Promise.resolve(ok(prepared));
  }

  async #compile(model: Listener): Promise<Result<CompiledListener>> {
    await this.#context.filterServices.lazy.loadFor([model]);
    await this.#context.lazyFilters.load(model);
    return compileListener(model, this.#context);
  }

  /** None where another process listens there now, or nobody is to. */
  #bind(model: Listener, going: readonly string[]): Promise<Map<string, ListenSocket> | Problem> {
    if (!this.#listens(model)) return Promise.resolve(new Map());
    const socketsOf = (name: string): Map<string, ListenSocket> | undefined =>
      this.#active.get(name)?.sockets;
    return this.#sockets.bind(
      model,
      socketsOf(model.name),
      going.flatMap((name) => socketsOf(name) ?? []),
    );
  }

  #install(compiled: CompiledListener, sockets: Map<string, ListenSocket>): void {
    const { model } = compiled;
    if (!this.#listens(model)) {
      // That was decided while they were bound.
      for (const [key, socket] of sockets) this.#sockets.closeAfterQueue(key, socket);
      sockets.clear();
    }
    void compiled.upkeep.start();
    if (this.#startsTaken) for (const socket of sockets.values()) socket.start();
    const present = this.#active.get(model.name);
    if (present !== undefined) {
      for (const [key, socket] of present.sockets)
        if (sockets.get(key) !== socket) this.#sockets.closeAfterQueue(key, socket);
      present.sockets.clear();
      for (const [key, socket] of sockets) present.sockets.set(key, socket);
      this.#replace(present, compiled);
    } else {
      const stats = this.#statsFor(model);
      const limit = this.#context.runtimeCell(
        `envoy.resource_limits.listener.${model.name}.connection_limit`,
      );
      const { share } = this.#options;
      const balance =
        share === undefined || !model.bindToPort
          ? undefined
          : ConnectionBalance.of(model.name, model.exactBalance, share);
      const cell = share?.cells.acquire(`listener ${model.name}`);
      this.#active.set(model.name, {
        compiled,
        cell,
        balance,
        limit,
        stats,
        connections: new NumberMap(),
        sockets,
      });
    }
    const active = present ?? this.#active.get(model.name);
    if (active === undefined) return;
    for (const socket of sockets.values()) socket.serve((handle, own) => this.#take(active, handle, own));
  }

  /**
   * Puts another version of a listener in place. Connections whose filter chain is as it was stay where they are; the
   * others are drained, as Envoy does when it updates filter chains in place.
   */
  #replace(active: Active, compiled: CompiledListener): void {
    active.compiled.upkeep.stop();
    active.compiled = compiled;
    if (active.balance !== undefined) active.balance.exact = compiled.model.exactBalance;
    const changed = new Set(
      [...active.connections.values()].filter(
        (connection) => connection.chain === undefined || !compiled.hasChain(connection.chain.model),
      ),
    );
    if (changed.size > 0) this.#drainOver(changed);
  }

  #remove(name: string): void {
    this.#dropPrepared(name);
    const active = this.#active.get(name);
    if (active === undefined) return;
    this.#active.delete(name);
    active.compiled.upkeep.stop();
    active.balance?.stop();
    for (const [key, socket] of active.sockets) this.#sockets.closeAfterQueue(key, socket);
    active.sockets.clear();
    this.#leaving.add(active);
    active.compiled.startDraining(this.#options.drainTimeMs, this.#options.drainStrategy);
    this.#drainOver(active.connections);
    this.#forgetIfLeft(active);
  }

  #statsFor(model: Listener): ListenerStats {
    const stats = new ListenerStats(model.statPrefix ?? formatAddress(model.address));
    for (const leaving of this.#leaving) if (leaving.stats.prefix === stats.prefix) return leaving.stats;
    this.#registry.add(stats);
    const { share } = this.#options;
    if (share !== undefined) {
      const ofWorker = stats.ofWorker(share.index);
      this.#workerStats.set(stats, ofWorker);
      this.#registry.add(ofWorker);
    }
    return stats;
  }

  /** Ends a removed listener that has no connection any more. */
  #forgetIfLeft(active: Active): void {
    if (active.connections.size > 0 || !this.#leaving.delete(active)) return;
    if (active.cell !== undefined) this.#options.share?.cells.release(active.cell);
    active.balance?.release();
    const all = [...this.#active.values(), ...this.#leaving];
    if (all.some(({ stats }) => stats === active.stats)) return;
    this.#registry.remove(active.stats);
    const ofWorker = this.#workerStats.get(active.stats);
    if (ofWorker !== undefined) this.#registry.remove(ofWorker);
  }

  /**
   * Ends connections over the drain time: their answers close them, what is idle shortly before its end is told to
   * go, and what is left then is closed.
   */
  #drainOver(connections: { values(): Iterable<Incoming> }): void {
    const { drainTimeMs, drainStrategy } = this.#options;
    for (const { chain } of connections.values()) chain?.drain.start(drainTimeMs, drainStrategy);
    const { clock } = this.#context;
    const later = (ms: number, run: () => void): void => {
      const timer = clock.after(ms, () => {
        this.#drains.delete(timer);
        run();
      });
      this.#drains.add(timer);
    };
    later(drainTimeMs * idleShare, () => {
      for (const connection of connections.values()) connection.drain();
    });
    later(drainTimeMs, () => {
      for (const connection of connections.values()) connection.close();
    });
  }

  #indexVirtual(): void {
    this.#virtual = new Map();
    for (const active of this.#active.values()) {
      const { model } = active.compiled;
      if (!model.bindToPort) this.#virtual.set(formatAddress(model.address), active);
    }
  }

  /** A connection that was accepted here is served by this thread or another one. */
  #take(bound: Active, handle: SocketHandle, own: SocketAddress | undefined): void {
    const { balance, compiled } = bound;
    const { share } = this.#options;
    if (balance !== undefined && share !== undefined) {
      const thread = balance.choose();
      if (thread !== share.index && handle.isTcp) {
        if (share.handOver(compiled.model.name, thread, handle.fd)) {
          handle.close(false);
          return;
        }
      }
      if (thread !== share.index) balance.keep(thread);
    }
    this.#accept(bound, handle, own);
  }

  /** Serves a connection that another thread has accepted. */
  takeConnection(listener: string, fd: number): void {
    const bound = this.#active.get(listener);
    const handle = createTcpSocket();
    if (bound === undefined || handle.open(fd) !== 0) {
      closeSync(fd);
      return;
    }
    this.#accept(bound, handle, undefined);
  }

  #accept(bound: Active, handle: SocketHandle, own: SocketAddress | undefined): void {
    const { turn } = this.#context;
    turn.enter();
    try {
      this.#serve(bound, handle, own);
    } finally {
      turn.leave();
    }
  }

  #serve(bound: Active, handle: SocketHandle, own: SocketAddress | undefined): void {
    const wire = new PlainWire(this.#context.turn, handle, this.#context.readBuffer);
    wire.resume();
    const { compiled } = bound;
    // With TPROXY our end has the address that the client wanted.
    const original = compiled.model.transparent
      ? localAddress(wire)
      : compiled.needsOriginalDestination
        ? this.#originalDestination?.(wire.fd)
        : undefined;
    const active =
      compiled.model.useOriginalDst && original !== undefined ? this.#listenerFor(original, bound) : bound;
    const { stats, connections } = active;
    if (!this.#load.admits(active)) {
      bound.balance?.end();
      wire.destroy();
      return;
    }
    const isClients = active.compiled.model.bypassOverloadManager !== true;
    this.#load.count(active, 1, isClients);
    const accepted: Accepted = {
      id: this.#context.connectionIds.next(),
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
        this.#load.count(active, -1, isClients);
        bound.balance?.end();
        connections.delete(accepted.id);
        if (this.#leaving.size > 0) this.#forgetIfLeft(active);
      },
    );
    connections.set(accepted.id, incoming);
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
