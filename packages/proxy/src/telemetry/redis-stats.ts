import { Histogram } from './histogram.ts';
import { StatNumbers } from './stat-numbers.ts';
import type { StatGroup, StatVisitor } from './stats-registry.ts';

const names = {
  cxTotal: ['downstream_cx_total', 'counter'],
  cxActive: ['downstream_cx_active', 'gauge'],
  cxProtocolError: ['downstream_cx_protocol_error', 'counter'],
  cxDrainClose: ['downstream_cx_drain_close', 'counter'],
  rxBytesTotal: ['downstream_cx_rx_bytes_total', 'counter'],
  rxBytesBuffered: ['downstream_cx_rx_bytes_buffered', 'gauge'],
  txBytesTotal: ['downstream_cx_tx_bytes_total', 'counter'],
  txBytesBuffered: ['downstream_cx_tx_bytes_buffered', 'gauge'],
  rqTotal: ['downstream_rq_total', 'counter'],
  rqActive: ['downstream_rq_active', 'gauge'],
  invalidRequest: ['splitter.invalid_request', 'counter'],
  unsupportedCommand: ['splitter.unsupported_command', 'counter'],
} as const;

/** What became of one command. */
export class CommandStats {
  total = 0;
  success = 0;
  error = 0;
  errorFault = 0;
  delayFault = 0;
  /** Milliseconds, or microseconds where the filter asks for them. */
  readonly latency = new Histogram();

  visit(at: string, visitor: StatVisitor): void {
    visitor.number(`${at}.total`, 'counter', this.total);
    visitor.number(`${at}.success`, 'counter', this.success);
    visitor.number(`${at}.error`, 'counter', this.error);
    visitor.number(`${at}.error_fault`, 'counter', this.errorFault);
    visitor.number(`${at}.delay_fault`, 'counter', this.delayFault);
    visitor.histogram(`${at}.latency`, this.latency);
  }

  reset(): void {
    this.total = 0;
    this.success = 0;
    this.error = 0;
    this.errorFault = 0;
    this.delayFault = 0;
    this.latency.reset();
  }
}

/** The statistics of a Redis proxy, Envoy's `redis.STAT_PREFIX.…`; a command is there from its first use on. */
export class RedisStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_redis_';
  readonly labels: Readonly<Record<string, string>>;
  readonly #numbers = new StatNumbers(names);
  readonly #commands = new Map<string, CommandStats>();

  constructor(statPrefix: string) {
    this.prefix = `redis.${statPrefix}.`;
    this.labels = { redis_prefix: statPrefix };
  }

  get n(): Record<keyof typeof names, number> {
    return this.#numbers.n;
  }

  command(name: string): CommandStats {
    let stats = this.#commands.get(name);
    if (stats === undefined) {
      stats = new CommandStats();
      this.#commands.set(name, stats);
    }
    return stats;
  }

  visit(visitor: StatVisitor): void {
    this.#numbers.visit((name, kind, value) => visitor.number(name, kind, value));
    for (const [name, stats] of this.#commands) stats.visit(`command.${name}`, visitor);
  }

  resetCounters(): void {
    this.#numbers.resetCounters();
    for (const stats of this.#commands.values()) stats.reset();
  }
}
