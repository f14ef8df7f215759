import { messageOf, type Clock, type Logger } from '@lateen/core';
import { Engine, type Observation } from '../engine/engine.ts';
import { put, remove, type Change } from '../engine/state.ts';
import type { Proxy } from '../model/proxy.ts';
import { proxies, emptyMesh } from '../model/tables.ts';
import { resourceSets, viewOfProxy, type ProxyView, type ResourceSetSpec } from '../translate/proxy-view.ts';
import { Connection, type ResponseSink } from './connection.ts';
import { responseFrames } from './frames.ts';
import { PushStatistics } from './push-statistics.ts';
import { ResourceSet } from './resource-set.ts';
import { ViewResources } from './view-resources.ts';

export interface DiscoveryServerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who we are, as proxies show it. */
  readonly identifier: string;
}

interface Attached {
  readonly connection: Connection;
  readonly view: Observation<ProxyView | undefined>;
}

/** Idle results are kept for so many changes of state. */
const keptGenerations = 100;
const sweepEvery = 64;

/**
 * Holds the mesh's state and keeps connected proxies in step with it.
 *
 * {@link apply} is the one way in: changes become the next state, the results that read them are computed
 * again, and what became different is sent to the proxies that asked for it.
 */
export class DiscoveryServer {
  readonly engine: Engine;
  readonly statistics: PushStatistics;
  readonly #options: DiscoveryServerOptions;
  readonly #logger: Logger;
  readonly #frames;
  readonly #attached = new Map<string, Attached>();
  readonly #sets = new Map<string, ResourceSet>();
  #connections = 0;
  #changes = 0;

  constructor(options: DiscoveryServerOptions) {
    this.#options = options;
    this.#logger = options.logger.scope('ads');
    this.engine = new Engine(emptyMesh());
    this.statistics = new PushStatistics(options.clock);
    this.#frames = responseFrames(options.identifier);
  }

  /** Who we are, as proxies show it. */
  get identifier(): string {
    return this.#options.identifier;
  }

  /** All connections, in the order in which they came. */
  get connections(): readonly Connection[] {
    return [...this.#attached.values()].map((attached) => attached.connection);
  }

  /** Different sets of resources that are watched for connected proxies. */
  get resourceSets(): number {
    return this.#sets.size;
  }

  /** Puts changes in place and sends what they make different. */
  apply(changes: readonly Change[]): void {
    if (!this.engine.advance(changes)) return;
    this.statistics.onState();
    this.#settle();
    if (++this.#changes % sweepEvery === 0) this.engine.sweep(keptGenerations);
  }

  /** Takes a proxy in. Its connection answers requests from now on; close it when its stream ends. */
  attach(proxy: Proxy, mode: Connection['mode'], sink: ResponseSink, authenticated: boolean): Connection {
    const id = `${proxy.name}.${proxy.namespace}-${++this.#connections}`;
    this.engine.advance([put(proxies, id, proxy)]);
    const view = this.engine.observe(viewOfProxy, id, () => this.#onViewChanged(id));
    const connection = new Connection({
      id,
      proxy,
      mode,
      authenticated,
      sink,
      frames: this.#frames,
      resources: this.#resourcesOf(view),
      clock: this.#options.clock,
      logger: this.#logger,
      events: this.statistics,
      version: () => String(this.engine.state.version),
    });
    this.#attached.set(id, { connection, view });
    this.statistics.onConnections(this.#attached.size);
    this.#logger.info(`new connection for node:${id}`, { mode });
    this.#settle();
    return connection;
  }

  /** Forgets a proxy whose stream has ended. */
  detach(connection: Connection): void {
    const attached = this.#attached.get(connection.id);
    if (attached === undefined) return;
    this.#attached.delete(connection.id);
    attached.view.release();
    connection.close();
    this.engine.advance([remove(proxies, connection.id)]);
    this.#dropEmptySets();
    this.statistics.onConnections(this.#attached.size);
    this.#logger.info(`connection closed for node:${connection.id}`);
    this.#settle();
  }

  #settle(): void {
    this.engine.settle();
    for (const { connection } of this.#attached.values()) connection.flush();
  }

  #onViewChanged(id: string): void {
    const attached = this.#attached.get(id);
    if (attached === undefined) return;
    attached.connection.moveTo(this.#resourcesOf(attached.view));
    this.#dropEmptySets();
  }

  #resourcesOf(observation: Observation<ProxyView | undefined>): ViewResources {
    const view = observation.value();
    if (view === undefined) throw new Error('the proxy is not connected');
    return new ViewResources(resourceSets(view).map((spec) => this.#setOf(spec)));
  }

  #setOf(spec: ResourceSetSpec): ResourceSet {
    let set = this.#sets.get(spec.text);
    if (set === undefined) {
      const onFailure = (what: string, error: unknown): void => {
        this.statistics.onFailure();
        this.#logger.error(`translation of ${what} failed; the last good one stays in force`, {
          error: error instanceof Error ? (error.stack ?? error.message) : messageOf(error),
        });
      };
      set = new ResourceSet({ engine: this.engine, spec, onFailure });
      this.#sets.set(spec.text, set);
    }
    return set;
  }

  #dropEmptySets(): void {
    for (const [text, set] of this.#sets) {
      if (set.size > 0) continue;
      set.close();
      this.#sets.delete(text);
    }
  }
}
