import { configKinds, type ConfigKind } from '@lateen/config';
import { messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import { configDocuments } from './config/config-documents.ts';
import { readMeshConfig } from './config/mesh-config.ts';
import type { ConfigListDocument, ConsoleEvents, MeshDocument, ProxyListDocument } from './documents.ts';
import { HostIndex } from './graph/host-index.ts';
import { meshGraph } from './graph/mesh-graph.ts';
import { groupApps, hasProxy, isRunning } from './graph/workloads.ts';
import { platformKinds, type MeshSource, type SourceObject } from './mesh-source.ts';
import { TrafficMeter } from './metrics/traffic-meter.ts';
import { readProxies } from './proxies/proxy-documents.ts';

export interface LiveMeshOptions {
  readonly source: MeshSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often the proxies' counters are read while somebody looks; default 2000 ms. */
  readonly readMs?: number;
}

/** Gets the JSON of a document when it is another than before. */
export type DocumentListener = (name: keyof ConsoleEvents, json: string) => void;

/** Changes that come together make one document. */
const settleMs = 60;
/** The second reading makes the first rates: it comes early. */
const firstSpanMs = 800;

const meshKinds = Object.values<ConfigKind>(configKinds)
  .map(({ kind }) => kind)
  .filter((kind) => kind !== 'IstioOperator');

/**
 * The documents of the console, kept up to date while somebody looks: from the watch at once, from the
 * proxies' counters each few seconds. When nobody looks it asks nobody anything.
 */
export class LiveMesh {
  readonly #options: LiveMeshOptions;
  readonly #meter: TrafficMeter;
  readonly #listeners = new Set<DocumentListener>();
  readonly #sent = new Map<keyof ConsoleEvents, string>();
  readonly #unwatch: () => void;
  #settling: Timer | undefined;
  #reading: Promise<void> | undefined;
  #nextRead: Timer | undefined;
  #readAtMs = -Infinity;
  #proxies: ProxyListDocument = { proxies: [] };

  constructor(options: LiveMeshOptions) {
    this.#options = options;
    this.#meter = new TrafficMeter(options);
    this.#unwatch = options.source.watch(() => this.#changed());
  }

  close(): void {
    this.#unwatch();
    this.#settling?.cancel();
    this.#nextRead?.cancel();
    this.#listeners.clear();
  }

  /** Tells of the present documents and of each change; returns how to end it. */
  subscribe(listener: DocumentListener): () => void {
    this.#publish();
    this.#listeners.add(listener);
    for (const [name, json] of this.#sent) listener(name, json);
    if (this.#listeners.size === 1) void this.#readLoop(true);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#nextRead?.cancel();
      this.#nextRead = undefined;
    };
  }

  /** The graph, by counters read now: the second call within some seconds has rates. */
  async mesh(): Promise<MeshDocument> {
    await this.#refresh();
    return this.#mesh();
  }

  config(): ConfigListDocument {
    const { source } = this.#options;
    const { config, apps } = this.#present();
    const hosts = new HostIndex(apps, config);
    return configDocuments({
      configs: this.#configs(),
      platform: platformKinds.flatMap((kind) => source.list(kind)),
      config,
      nodeOf: (host) => hosts.app(host)?.id,
    });
  }

  async proxies(): Promise<ProxyListDocument> {
    await this.#refresh();
    return this.#proxies;
  }

  #present() {
    const { source } = this.#options;
    const config = readMeshConfig(this.#configs());
    return { config, apps: groupApps(source.list('Pod'), source.list('Service')) };
  }

  #configs(): SourceObject[] {
    return meshKinds.flatMap((kind) => this.#options.source.list(kind));
  }

  #mesh(): MeshDocument {
    return meshGraph({ ...this.#present(), measurements: this.#meter.measure() });
  }

  #changed(): void {
    if (this.#listeners.size === 0) return;
    this.#settling ??= this.#options.clock.after(settleMs, () => {
      this.#settling = undefined;
      this.#publish();
      // What was changed is on its way to the proxies: see whether it arrived.
      if (this.#reading === undefined) void this.#readLoop(false);
    });
  }

  #publish(): void {
    this.#send('mesh', this.#mesh());
    this.#send('config', this.config());
    this.#send('proxies', this.#proxies);
  }

  #send<K extends keyof ConsoleEvents>(name: K, document: ConsoleEvents[K]): void {
    const json = JSON.stringify(document);
    if (this.#sent.get(name) === json) return;
    this.#sent.set(name, json);
    for (const listener of this.#listeners) listener(name, json);
  }

  async #readLoop(isFirst: boolean): Promise<void> {
    this.#nextRead?.cancel();
    if (isFirst) this.#meter.forgetPast();
    await this.#read();
    if (this.#listeners.size === 0) return;
    this.#send('mesh', this.#mesh());
    this.#send('proxies', this.#proxies);
    const { clock, readMs = 2000 } = this.#options;
    this.#nextRead?.cancel();
    this.#nextRead = clock.after(isFirst ? firstSpanMs : readMs, () => void this.#readLoop(false));
  }

  async #refresh(): Promise<void> {
    const { clock, readMs = 2000 } = this.#options;
    if (clock.monotonicMs() - this.#readAtMs >= readMs / 2) await this.#read();
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined;
      this.#readAtMs = this.#options.clock.monotonicMs();
    });
    return this.#reading;
  }

  async #readNow(): Promise<void> {
    const { source, logger } = this.#options;
    const pods = source
      .list('Pod')
      .filter((pod) => hasProxy(pod) && isRunning(pod))
      .map(({ metadata }) => ({ namespace: metadata.namespace ?? '', name: metadata.name }));
    try {
      const [proxies] = await Promise.all([readProxies(source), this.#meter.read(pods)]);
      this.#proxies = proxies;
    } catch (error) {
      logger.warn('the mesh could not be read', { error: messageOf(error) });
    }
  }
}
