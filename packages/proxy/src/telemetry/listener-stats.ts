import { Histogram } from './histogram.ts';
import type { StatGroup, StatPlace, StatVisitor } from './stat-group.ts';
import { TlsStats } from './tls-stats.ts';

/** Where a listener's statistics stand. */
export function listenerStatPlace(address: string): StatPlace {
  const name = address.replaceAll(':', '_');
  return {
    prefix: `listener.${name}.`,
    prometheusPrefix: 'envoy_listener_',
    labels: { listener_address: name },
  };
}

/** The statistics of a listener, Envoy's `listener.ADDRESS.…`. */
export class ListenerStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_listener_';
  readonly labels: Readonly<Record<string, string>>;
  cxTotal = 0;
  cxActive = 0;
  cxDestroy = 0;
  cxOverflow = 0;
  globalCxOverflow = 0;
  cxOverloadReject = 0;
  noFilterChainMatch = 0;
  preCxTimeout = 0;
  transportConnectTimeout = 0;
  /** Connections whose first bytes are waited for. */
  preCxActive = 0;
  listenerFilterRemoteClose = 0;
  readonly cxLength = new Histogram();
  #tls: TlsStats | undefined;

  constructor(address: string) {
    const { prefix, labels } = listenerStatPlace(address);
    this.prefix = prefix;
    this.labels = labels;
  }

  /** There from the first TLS connection on. */
  get tls(): TlsStats {
    return (this.#tls ??= new TlsStats());
  }

  /** What one worker of several has of it, Envoy's `listener.ADDRESS.worker_N.…`. */
  ofWorker(index: number): StatGroup {
    return {
      prefix: `${this.prefix}worker_${index}.`,
      prometheusPrefix: `${this.prometheusPrefix}worker_`,
      labels: { ...this.labels, worker_id: String(index) },
      visit: (visitor) => {
        visitor.number('downstream_cx_total', 'counter', this.cxTotal);
        visitor.number('downstream_cx_active', 'gauge', this.cxActive);
      },
      // They are those of the listener.
      resetCounters() {},
    };
  }

  visit(visitor: StatVisitor): void {
    visitor.number('downstream_cx_total', 'counter', this.cxTotal);
    visitor.number('downstream_cx_active', 'gauge', this.cxActive);
    visitor.number('downstream_cx_destroy', 'counter', this.cxDestroy);
    visitor.number('downstream_cx_overflow', 'counter', this.cxOverflow);
    visitor.number('downstream_global_cx_overflow', 'counter', this.globalCxOverflow);
    visitor.number('downstream_cx_overload_reject', 'counter', this.cxOverloadReject);
    visitor.number('no_filter_chain_match', 'counter', this.noFilterChainMatch);
    visitor.number('downstream_pre_cx_timeout', 'counter', this.preCxTimeout);
    visitor.number('downstream_cx_transport_socket_connect_timeout', 'counter', this.transportConnectTimeout);
    visitor.number('downstream_pre_cx_active', 'gauge', this.preCxActive);
    visitor.number('downstream_listener_filter_remote_close', 'counter', this.listenerFilterRemoteClose);
    visitor.histogram('downstream_cx_length_ms', this.cxLength);
    this.#tls?.visit((name, kind, value) => visitor.number(name, kind, value));
  }

  resetCounters(): void {
    this.cxTotal = 0;
    this.cxDestroy = 0;
    this.cxOverflow = 0;
    this.globalCxOverflow = 0;
    this.cxOverloadReject = 0;
    this.noFilterChainMatch = 0;
    this.preCxTimeout = 0;
    this.transportConnectTimeout = 0;
    this.listenerFilterRemoteClose = 0;
    this.cxLength.reset();
    this.#tls?.resetCounters();
  }
}
