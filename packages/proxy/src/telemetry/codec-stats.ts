import { Http2Stats } from './http2-stats.ts';
import { resetCountersOf, visitNumbers, zeroesOf } from './stat-numbers.ts';
import type { StatGroup, StatVisitor } from './stats-registry.ts';

const names = {
  http1HeadersDropped: ['http1.dropped_headers_with_underscores', 'counter'],
  http1RequestsRejected: ['http1.requests_rejected_with_underscores_in_headers', 'counter'],
  http2HeadersDropped: ['http2.dropped_headers_with_underscores', 'counter'],
  http2RequestsRejected: ['http2.requests_rejected_with_underscores_in_headers', 'counter'],
} as const;

const zeroes = zeroesOf(names);

/** What the codecs count of all clients, Envoy's `http1.…` and `http2.…`. */
export class CodecStats implements StatGroup {
  readonly prefix = '';
  readonly prometheusPrefix = 'envoy_';
  readonly labels = {};
  readonly n: Record<keyof typeof names, number> = { ...zeroes };
  #http2: Http2Stats | undefined;

  /** There from the first HTTP/2 connection on. */
  get http2(): Http2Stats {
    return (this.#http2 ??= new Http2Stats());
  }

  visit(visitor: StatVisitor): void {
    visitNumbers(names, this.n, (name, kind, value) => visitor.number(name, kind, value));
    this.#http2?.visit(visitor);
  }

  resetCounters(): void {
    resetCountersOf(names, this.n);
    this.#http2?.resetCounters();
  }
}
