import type { Clock, Timer } from '@lateen/core';
import type { ClusterRef } from '../../cluster/cluster-set.ts';
import type { StatsSink } from '../../model/stats.ts';
import type { CallContext } from '../../call/index.ts';
import type { NodeIdentity } from '../../model/node-identity.ts';
import type { StatsRegistry } from '../stats-registry.ts';
import type { StatsSnapshot } from '../stats-snapshot.ts';
import { MetricsServiceTeller } from './metrics-service.ts';
import { StatsdLines, timingLine } from './statsd-lines.ts';
import { TcpSender } from './tcp-sender.ts';
import { UdpSender } from './udp-sender.ts';

export interface StatsSinkContext extends CallContext {
  readonly clock: Clock;
  readonly node: NodeIdentity | undefined;
  readonly clusterRef: (name: string) => ClusterRef;
  readonly stats: StatsRegistry;
  /** What else has been counted in this process. */
  readonly otherWorkers: (() => Promise<readonly StatsSnapshot[]>) | undefined;
}

/** Somebody who is told of all statistics again and again. */
interface Teller {
  tell(all: StatsRegistry): void;
  /** Lets what was told last get there. */
  close(): Promise<void>;
}

/** Tells a StatsD, also of each value of a histogram. */
function statsdTeller(
  sink: Exclude<StatsSink, { kind: 'metrics_service' }>,
  { clusterRef, turn, stats }: StatsSinkContext,
): Teller {
  const format = { prefix: sink.prefix, tags: sink.kind === 'statsd_udp' && sink.tags };
  const sender =
    sink.kind === 'statsd_udp'
      ? new UdpSender(sink.to, sink.maxDatagramBytes)
      : new TcpSender(clusterRef(sink.cluster), turn);
  stats.onValues((stat) => {
    const line = timingLine(format, stat);
    return (value) => sender.send([line(value)]);
  });
  const lines = new StatsdLines(format);
  return { tell: (all) => sender.send(lines.since(all)), close: () => sender.close() };
}

/** Tells sinks of the statistics, again and again or when it is asked to; of each value of a histogram when it is recorded. */
export class StatsSinks {
  readonly #context: StatsSinkContext;
  readonly #intervalMs: number | undefined;
  readonly #tellers: readonly Teller[];
  #timer: Timer | undefined;
  #closed = false;

  /** `intervalMs`: undefined where sinks are told of the rest by `flush` only. */
  constructor(sinks: readonly StatsSink[], intervalMs: number | undefined, context: StatsSinkContext) {
    this.#context = context;
    this.#intervalMs = intervalMs;
    this.#tellers = sinks.map((sink) =>
      sink.kind === 'metrics_service'
        ? new MetricsServiceTeller(sink, context.clusterRef(sink.service.cluster), context)
        : statsdTeller(sink, context),
    );
    this.#next();
  }

  /** Tells of what there is, where that is done at intervals, and ends. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    if (this.#intervalMs !== undefined) await this.flush();
    await Promise.all(this.#tellers.map((teller) => teller.close()));
  }

  async flush(): Promise<void> {
    const { stats, otherWorkers } = this.#context;
    const all = otherWorkers === undefined ? stats : stats.mergedWith(await otherWorkers());
    for (const teller of this.#tellers) teller.tell(all);
  }

  #next(): void {
    if (this.#closed || this.#intervalMs === undefined) return;
    this.#timer = this.#context.clock.after(this.#intervalMs, () => {
      void this.flush().finally(() => this.#next());
    });
  }
}
