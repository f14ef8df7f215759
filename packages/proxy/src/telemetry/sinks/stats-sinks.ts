import type { Clock, Timer } from '@lateen/core';
import type { ClusterRef } from '../../cluster/cluster-set.ts';
import type { StatsSink } from '../../model/stats.ts';
import type { Turn } from '../../wire/turn.ts';
import type { StatsRegistry } from '../stats-registry.ts';
import type { StatsSnapshot } from '../stats-snapshot.ts';
import { StatsdLines, timingLine } from './statsd-lines.ts';
import { TcpSender } from './tcp-sender.ts';
import { UdpSender } from './udp-sender.ts';

export interface StatsSinkContext {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly clusterRef: (name: string) => ClusterRef;
  readonly stats: StatsRegistry;
  /** What else has been counted in this process. */
  readonly otherWorkers: (() => Promise<readonly StatsSnapshot[]>) | undefined;
}

interface Sender {
  send(lines: readonly string[]): void;
  close(): Promise<void>;
}

/** Tells sinks of the statistics, again and again; of each value of a histogram when it is recorded. */
export class StatsSinks {
  readonly #context: StatsSinkContext;
  readonly #intervalMs: number;
  readonly #sinks: readonly { readonly lines: StatsdLines; readonly sender: Sender }[];
  #timer: Timer | undefined;
  #closed = false;

  /** `intervalMs`: 0 where sinks are told of the values of histograms only. */
  constructor(sinks: readonly StatsSink[], intervalMs: number, context: StatsSinkContext) {
    this.#context = context;
    this.#intervalMs = intervalMs;
    this.#sinks = sinks.map((sink) => {
      const format = { prefix: sink.prefix, tags: sink.kind === 'statsd_udp' && sink.tags };
      const sender =
        sink.kind === 'statsd_udp'
          ? new UdpSender(sink.to, sink.maxDatagramBytes)
          : new TcpSender(context.clusterRef(sink.cluster), context.turn);
      context.stats.onValues((stat) => {
        const line = timingLine(format, stat);
        return (value) => sender.send([line(value)]);
      });
      return { lines: new StatsdLines(format), sender };
    });
    this.#next();
  }

  /** Tells of what there is, and ends. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    if (this.#intervalMs > 0) await this.flush();
    await Promise.all(this.#sinks.map(({ sender }) => sender.close()));
  }

  async flush(): Promise<void> {
    const { stats, otherWorkers } = this.#context;
    const all = otherWorkers === undefined ? stats : stats.mergedWith(await otherWorkers());
    for (const { lines, sender } of this.#sinks) sender.send(lines.since(all));
  }

  #next(): void {
    if (this.#closed || this.#intervalMs === 0) return;
    this.#timer = this.#context.clock.after(this.#intervalMs, () => {
      void this.flush().then(() => this.#next());
    });
  }
}
