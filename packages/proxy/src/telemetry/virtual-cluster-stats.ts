import { Histogram } from './histogram.ts';
import { resetCountersOf, visitNumbers, zeroesOf } from './stat-numbers.ts';
import type { StatGroup, StatVisitor } from './stat-group.ts';

const names = {
  rqTotal: ['upstream_rq_total', 'counter'],
  rqTimeout: ['upstream_rq_timeout', 'counter'],
  rqRetry: ['upstream_rq_retry', 'counter'],
  rqRetryLimitExceeded: ['upstream_rq_retry_limit_exceeded', 'counter'],
  rqRetryOverflow: ['upstream_rq_retry_overflow', 'counter'],
  rqRetrySuccess: ['upstream_rq_retry_success', 'counter'],
} as const;

const zeroes = zeroesOf(names);

/**
 * The statistics of the requests that a virtual host has a name for, Envoy's `vhost.HOST.vcluster.NAME.…`
 * (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#statistics).
 */
export class VirtualClusterStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_vhost_vcluster_';
  readonly labels: Readonly<Record<string, string>>;
  readonly n: Record<keyof typeof names, number> = { ...zeroes };
  /** From the end of the request to that of its answer. */
  readonly requestTime = new Histogram();
  readonly #statuses = new Map<number, number>();

  constructor(host: string, name: string) {
    this.prefix = virtualClusterPrefix(host, name);
    this.labels = { virtual_host: host, virtual_cluster: name };
  }

  /** Counts the status of an answer, of an endpoint or in its place. */
  countStatus(status: number): void {
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
  }

  visit(visitor: StatVisitor): void {
    visitNumbers(names, this.n, (name, kind, value) => visitor.number(name, kind, value));
    const sums = new Map<string, number>();
    const add = (name: string, count: number): void => void sums.set(name, (sums.get(name) ?? 0) + count);
    for (const [status, count] of this.#statuses) {
      add('completed', count);
      if (status < 600) {
        add(`${Math.floor(status / 100)}xx`, count);
        add(String(status), count);
      } else add('unknown', count);
    }
    for (const [name, count] of sums) visitor.number(`upstream_rq_${name}`, 'counter', count);
    visitor.histogram('upstream_rq_time', this.requestTime);
  }

  resetCounters(): void {
    resetCountersOf(names, this.n);
    this.#statuses.clear();
    this.requestTime.reset();
  }
}

export function virtualClusterPrefix(host: string, name: string): string {
  return `vhost.${host}.vcluster.${name}.`;
}
