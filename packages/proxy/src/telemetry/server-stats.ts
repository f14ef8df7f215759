import type { StatGroup, StatVisitor } from './stats-registry.ts';

/** What Envoy's `server.…` statistics are made of, asked when somebody looks. */
export interface ServerFacts {
  readonly live: boolean;
  /** Envoy's number of the state: 0 live, 1 draining, 2 and 3 before. */
  readonly state: number;
  readonly uptimeMs: number;
  readonly concurrency: number;
  readonly hotRestartEpoch: number;
  readonly hotRestartGeneration: number;
  readonly connections: number;
  /** Of the process that this one has taken over from. */
  readonly parentConnections: number;
  readonly daysUntilFirstCertExpiring: number;
  /** Undefined where no certificate has an OCSP response. */
  readonly secondsUntilFirstOcspExpiring: number | undefined;
}

/** The statistics of the process. */
export class ServerStats implements StatGroup {
  readonly prefix = 'server.';
  readonly prometheusPrefix = 'envoy_server_';
  readonly labels = {};
  readonly #facts: () => ServerFacts;

  constructor(facts: () => ServerFacts) {
    this.#facts = facts;
  }

  visit(visitor: StatVisitor): void {
    const facts = this.#facts();
    const memory = process.memoryUsage();
    visitor.number('live', 'gauge', facts.live ? 1 : 0);
    visitor.number('state', 'gauge', facts.state);
    visitor.number('uptime', 'gauge', Math.floor(facts.uptimeMs / 1_000));
    visitor.number('concurrency', 'gauge', facts.concurrency);
    visitor.number('hot_restart_epoch', 'gauge', facts.hotRestartEpoch);
    visitor.number('hot_restart_generation', 'gauge', facts.hotRestartGeneration);
    visitor.number('total_connections', 'gauge', facts.connections + facts.parentConnections);
    visitor.number('parent_connections', 'gauge', facts.parentConnections);
    visitor.number('days_until_first_cert_expiring', 'gauge', facts.daysUntilFirstCertExpiring);
    if (facts.secondsUntilFirstOcspExpiring !== undefined) {
      visitor.number(
        'seconds_until_first_ocsp_response_expiring',
        'gauge',
        facts.secondsUntilFirstOcspExpiring,
      );
    }
    visitor.number('memory_allocated', 'gauge', memory.heapUsed + memory.external);
    visitor.number('memory_heap_size', 'gauge', memory.heapTotal);
    visitor.number('memory_physical_size', 'gauge', memory.rss);
  }

  resetCounters(): void {}
}
