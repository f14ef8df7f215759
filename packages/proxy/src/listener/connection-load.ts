import type { ListenerContext, CompiledListener } from './compiled-listener.ts';
import type { RuntimeCell } from '../runtime/runtime.ts';
import type { ListenerStats } from '../telemetry/listener-stats.ts';
import type { ThreadShare } from '../workers/thread-share.ts';

/** A listener, by what limits its connections. */
export interface LoadedListener {
  readonly compiled: CompiledListener;
  /** Cell in which all threads count its connections; undefined: there is one thread. */
  readonly cell: number | undefined;
  /** How many connections it may have (Envoy, `envoy.resource_limits.listener.NAME.connection_limit`). */
  readonly limit: RuntimeCell;
  readonly stats: ListenerStats;
  readonly connections: { readonly size: number };
}

/** Connections of those that a proxy is there for. */
export interface ClientConnections {
  readonly active: number;
  /** All that there were so far. */
  readonly taken: number;
}

/** How many connections there are, of all listeners and of each, and whether one more may come. */
export class ConnectionLoad {
  readonly #context: Pick<ListenerContext, 'overload' | 'maxDownstreamConnections' | 'random'>;
  readonly #share: ThreadShare | undefined;
  #connections = 0;
  readonly #clients = { active: 0, taken: 0 };

  constructor(context: ListenerContext, share: ThreadShare | undefined) {
    this.#context = context;
    this.#share = share;
  }

  /** Of this thread. */
  get connections(): number {
    return this.#connections;
  }

  /** Of this thread, without those of listeners that overload does not concern: for probes and scrapes. */
  get clients(): ClientConnections {
    return this.#clients;
  }

  /** Of all workers of the process. */
  get #allConnections(): number {
    return this.#share?.cells.connections ?? this.#connections;
  }

  /** Of a listener, of all workers. */
  #connectionsOf({ cell, connections }: LoadedListener): number {
    const share = this.#share;
    return share === undefined || cell === undefined
      ? connections.size
      : Atomics.load(share.cells.cells, cell);
  }

  /** A connection comes or goes; `isClients`: as its listener was when it came. */
  count({ cell }: LoadedListener, change: 1 | -1, isClients: boolean): void {
    this.#connections += change;
    if (isClients) {
      this.#clients.active += change;
      if (change > 0) this.#clients.taken++;
    }
    const share = this.#share;
    if (share === undefined) return;
    share.cells.countConnection(change);
    if (cell !== undefined) Atomics.add(share.cells.cells, cell, change);
  }

  /** False where a limit forbids one more connection; counts which. */
  admits(active: LoadedListener): boolean {
    const { compiled, stats } = active;
    const { overload, maxDownstreamConnections, random } = this.#context;
    const { ignoreGlobalConnectionLimit, bypassOverloadManager } = compiled.model;
    const maxConnections = active.limit.entry?.number;
    if (maxConnections !== undefined && this.#connectionsOf(active) >= maxConnections) {
      stats.cxOverflow++;
      return false;
    }
    if (!ignoreGlobalConnectionLimit && this.#allConnections >= maxDownstreamConnections()) {
      stats.globalCxOverflow++;
      return false;
    }
    const share = bypassOverloadManager === true ? 0 : overload.rejectIncomingConnections;
    if (share === 0 || random() >= share) return true;
    stats.cxOverloadReject++;
    return false;
  }
}
