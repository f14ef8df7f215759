import type { Clock, Timer } from '@lateen/core';
import type { ClusterRef } from '../../cluster/cluster-set.ts';
import type { StatsSink } from '../../model/stats.ts';
import type { Turn } from '../../wire/turn.ts';
import type { StatsRegistry } from '../stats-registry.ts';
import { StatsdLines, timingLine } from './statsd-lines.ts';
import { TcpSender } from './tcp-sender.ts';
import { UdpSender } from './udp-sender.ts';

export interface StatsSinkContext {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly clusterRef: (name: string) => ClusterRef;
  readonly stats: StatsRegistry;
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
    this.#timer?.cancel();
    this.flush();
    await Promise.all(this.#sinks.map(({ sender }) => sender.close()));
  }

  flush(): void {
    for (const { lines, sender } of this.#sinks) sender.send(lines.since(this.#context.stats));
  }

  #next(): void {
    this.#timer = this.#context.clock.after(this.#intervalMs, () => {
      this.flush();
      this.#next();
    });
  }
}
