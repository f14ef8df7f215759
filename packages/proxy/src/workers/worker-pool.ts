import { randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { messageOf, systemClock, type Logger } from '@lateen/core';
import { encode } from '@lateen/protocol';
import { Bootstrap } from '@lateen/protocol/envoy/config/bootstrap/v3';
import type { LogLevels } from '../logging/log-levels.ts';
import type { ProxyBootstrap } from '../bootstrap/bootstrap.ts';
import type { DrainStrategy } from '../drain/drain-schedule.ts';
import type { ClusterStatus, Secret } from '../model/index.ts';
import type { DataPlane } from '../data-plane.ts';
import { formatAddress } from '../model/index.ts';
import type { DemandSeeker } from '../on-demand/on-demand.ts';
import type { RefusedResource, ResourceUpdate } from '../xds/subscription.ts';
import { loadDuplicate } from './duplicate-descriptor.ts';
import { SharedCells } from './shared-cells.ts';
import { LeadingFetches } from './shared-fetches.ts';
import type { ThreadShare } from './thread-share.ts';
import type { FromWorker, ToWorker, WorkerLook, WorkerStart } from './messages.ts';

export interface WorkerPoolOptions {
  /** All workers, the first among them. */
  readonly concurrency: number;
  /** The program that a worker runs; it starts `runWorker` where it is not in the main thread. */
  readonly entry: string | URL;
  readonly bootstrap: ProxyBootstrap;
  readonly drainTimeMs: number;
  readonly drainStrategy: DrainStrategy;
  readonly logLevels: LogLevels;
  readonly agentSecrets: boolean;
  readonly log: Logger;
  /** Takes log lines of workers as they are. */
  readonly writeLog: (line: string) => void;
  /** Told once where a worker has ended by itself: what it carried is lost. */
  readonly onDied: (error: Error) => void;
}

interface Member {
  readonly thread: Worker;
  readonly answers: Map<number, (value: WorkerLook | undefined) => void>;
  readonly ended: PromiseWithResolvers<void>;
  /** Asks for what the thread needs on demand. */
  readonly seeker: DemandSeeker | undefined;
}

const ticketSecretBytes = 32;
const betweenSocketLooksMs = 10;
/** A listener that the first worker does not have after this was removed again. */
const longestSocketWaitMs = 10_000;

/**
 * The workers besides the first, each a thread with a data plane of its own.
 *
 * They follow the first: what it has taken of a control plane is sent to them as the bytes in which it came. They accept
 * on copies of its listening sockets, so that no connection waits at a socket that somebody closes.
 */
export class WorkerPool {
  /** What the first worker has in common with the others. */
  readonly share: ThreadShare;
  readonly #fetches = new LeadingFetches(systemClock, (name, fetched) =>
    this.#tell({ kind: 'fetched', name, fetched }),
  );
  /** Clusters whose hosts have changed in this turn. */
  readonly #changed = new Set<string>();
  readonly #options: WorkerPoolOptions;
  readonly #members: Member[] = [];
  readonly #duplicate = loadDuplicate();
  #dataPlane: DataPlane | undefined;
  #nextId = 1;
  #closing = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.share = {
      cells: new SharedCells(),
      ticketSecret: randomBytes(ticketSecretBytes),
      leads: true,
      index: 0,
      threads: options.concurrency,
      handOver: (listener, thread, fd) => this.#handOver(listener, thread, fd),
      names: {
        found: (cluster, addresses) => this.#tell({ kind: 'names', cluster, addresses: new Map(addresses) }),
        want() {},
      },
      fetches: this.#fetches,
      whenServing: () => Promise.resolve(),
      hostsChanged: (cluster) => this.#noteChange(cluster),
      outlierDetected() {},
    };
  }

  /** Starts the threads, which follow this data plane. */
  start(dataPlane: DataPlane): void {
    this.#dataPlane = dataPlane;
    const { bootstrap, drainTimeMs, drainStrategy, logLevels, agentSecrets, concurrency } = this.#options;
    const { node, statsConfig } = bootstrap;
    const message = encode(Bootstrap, { ...bootstrap.message, node, statsConfig });
    for (let index = 1; index < concurrency; index++) {
      const start: WorkerStart = {
        index,
        bootstrap: message,
        cells: this.share.cells.buffer,
        threads: concurrency,
        ticketSecret: this.share.ticketSecret,
        drainTimeMs,
        drainStrategy,
        logLevels: logLevels.all(),
        agentSecrets,
      };
      this.#add(start);
    }
    bootstrap.runtime.onChange(() => {
      for (const { name, kind, values } of bootstrap.runtime.layers) {
        if (kind === 'admin') this.#tell({ kind: 'runtime', layer: name, values });
      }
    });
    logLevels.onSet = (scope, level) => this.#tell({ kind: 'logLevel', scope, level });
  }

  /** Hands on what the first worker has taken. */
  follow(update: ResourceUpdate, refused: readonly RefusedResource[]): void {
    const bad = new Set(refused.map(({ name }) => name));
    const changed = update.changed
      .filter(({ name }) => !bad.has(name))
      // A copy, since the bytes are a view of the whole response.
      .map((resource) => ({ ...resource, bytes: resource.bytes.slice() }));
    this.#tell({ kind: 'resources', update: { ...update, changed } });
  }

  putSecrets(secrets: readonly Secret[]): void {
    this.#tell({ kind: 'secrets', secrets });
  }

  tell(message: Exclude<ToWorker, { readonly id: number }>): void {
    this.#tell(message);
  }

  /** Looks at all workers. */
  async look(): Promise<readonly WorkerLook[]> {
    const looks = await this.#ask((id) => ({ kind: 'look', id }));
    return looks.filter((one) => one !== undefined);
  }

  async stopAccepting(): Promise<void> {
    await this.#ask((id) => ({ kind: 'stopAccepting', id }));
  }

  async drain(ms: number): Promise<void> {
    await this.#ask((id) => ({ kind: 'drain', id, ms }));
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#ask((id) => ({ kind: 'close', id }));
    // They end by themselves: what a thread has open besides Node's handles it closes at its own end only.
    await Promise.all(this.#members.map(({ ended }) => ended.promise));
  }

  #add(start: WorkerStart): void {
    const thread = new Worker(this.#options.entry, {
      workerData: start,
      argv: [],
      // Descriptors of sockets are given to handles, which close them.
      trackUnmanagedFds: false,
    });
    const member: Member = {
      thread,
      answers: new Map(),
      ended: Promise.withResolvers(),
      seeker: this.#dataPlane?.onDemand.seekerFor(start.index),
    };
    this.#members.push(member);
    thread.on('message', (message: FromWorker) => this.#hear(member, message));
    let died: Error | undefined;
    thread.on('error', (error) => {
      died = error instanceof Error ? error : new Error(messageOf(error));
    });
    thread.on('exit', () => {
      for (const answer of member.answers.values()) answer(undefined);
      member.answers.clear();
      member.ended.resolve();
      if (!this.#closing) this.#options.onDied(died ?? new Error(`worker ${start.index} has ended`));
    });
  }

  #hear(member: Member, message: FromWorker): void {
    switch (message.kind) {
      case 'log':
        this.#options.writeLog(message.line);
        return;
      case 'answer':
        member.answers.get(message.id)?.(message.value);
        member.answers.delete(message.id);
        return;
      case 'wantSocket':
        void this.#giveSocket(member, message.id, message.address);
        return;
      case 'connection': {
        const { thread, listener, fd } = message;
        const to = this.#members[thread - 1];
        if (to === undefined) this.#dataPlane?.takeConnection(listener, fd);
        else send(to, { kind: 'connection', listener, fd });
        return;
      }
      case 'wantNames': {
        const { cluster } = message;
        const addresses = this.#dataPlane?.namesOf(cluster);
        if (addresses !== undefined) send(member, { kind: 'names', cluster, addresses: new Map(addresses) });
        return;
      }
      case 'wantServing':
        void this.#dataPlane
          ?.whenServing(message.cluster)
          .then(() => send(member, { kind: 'serving', id: message.id }));
        return;
      case 'wantFetched': {
        const { id, name } = message;
        this.#fetches.ask(name, (answer) => send(member, { kind: 'fetchAnswer', id, answer }));
        return;
      }
      case 'outlier':
        this.#dataPlane?.takeOutlier(message.cluster, message.host, message.reason);
        return;
      case 'seekCluster':
        member.seeker?.cluster(message.name, message.source);
        return;
      case 'giveClusterUp':
        member.seeker?.giveClusterUp(message.name);
        return;
      case 'giveHostUp':
        member.seeker?.giveHostUp(message.name);
        return;
      case 'seekHost':
        member.seeker?.virtualHost(message.table, message.host);
    }
  }

  /** A worker may be quicker than the first one to come to a listener. */
  async #giveSocket(member: Member, id: number, address: string): Promise<void> {
    let fd: number | undefined;
    const endMs = performance.now() + longestSocketWaitMs;
    while (fd === undefined && !this.#closing && performance.now() < endMs) {
      fd = this.#dataPlane?.sockets().get(address);
      if (fd === undefined) await new Promise((resolve) => setTimeout(resolve, betweenSocketLooksMs));
    }
    let copy: number | undefined;
    try {
      copy = fd === undefined ? undefined : this.#duplicate(fd);
    } catch (error) {
      this.#options.log.error('a worker has no socket', { address, error: messageOf(error) });
    }
    // Also where there is none: the worker waits for the answer with everything that came after the listener.
    send(member, { kind: 'socket', id, fd: copy });
  }

  #handOver(listener: string, thread: number, fd: number): boolean {
    const member = this.#members[thread - 1];
    if (member === undefined || this.#closing) return false;
    try {
      send(member, { kind: 'connection', listener, fd: this.#duplicate(fd) });
      return true;
    } catch {
      // There are as many descriptors as may be.
      return false;
    }
  }

  #noteChange(cluster: string): void {
    if (this.#changed.size === 0) {
      setImmediate(() => {
        this.#tell({ kind: 'hostsChanged', clusters: [...this.#changed] });
        this.#changed.clear();
      });
    }
    this.#changed.add(cluster);
  }

  #tell(message: ToWorker): void {
    for (const member of this.#members) send(member, message);
  }

  #ask(message: (id: number) => ToWorker): Promise<readonly (WorkerLook | undefined)[]> {
    return Promise.all(
      this.#members.map(
        (member) =>
          new Promise<WorkerLook | undefined>((resolve) => {
            if (member.thread.threadId < 0) {
              resolve(undefined);
              return;
            }
            const id = this.#nextId++;
            member.answers.set(id, resolve);
            send(member, message(id));
          }),
      ),
    );
  }
}

function send({ thread }: Member, message: ToWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  thread.postMessage(message);
}

/** What all workers have carried for the endpoints. */
export function withCounts(
  statuses: readonly ClusterStatus[],
  looks: readonly WorkerLook[],
): readonly ClusterStatus[] {
  if (looks.length === 0) return statuses;
  const counts = looks.map(
    ({ clusters }) => new Map(clusters.map(([name, endpoints]) => [name, new Map(endpoints)])),
  );
  return statuses.map((status) => ({
    ...status,
    endpoints: status.endpoints.map((endpoint) => {
      const stats: Record<string, number> = { ...endpoint.stats };
      for (const worker of counts) {
        const more = worker.get(status.cluster.name)?.get(formatAddress(endpoint.address)) ?? {};
        for (const [name, value] of Object.entries(more)) stats[name] = (stats[name] ?? 0) + value;
      }
      return { ...endpoint, stats: stats as unknown as typeof endpoint.stats };
    }),
  }));
}
