import type { StatGroup, StatVisitor } from './stats-registry.ts';

/** The statistics of a listener, Envoy's `listener.ADDRESS.…`. */
export class ListenerStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_listener_';
  readonly labels: Readonly<Record<string, string>>;
  cxTotal = 0;
  cxActive = 0;
  cxDestroy = 0;
  cxOverflow = 0;
  noFilterChainMatch = 0;
  preCxTimeout = 0;
  sslHandshake = 0;
  sslConnectionError = 0;
  sslFailVerify = 0;

  constructor(address: string) {
    const name = address.replaceAll(':', '_');
    this.prefix = `listener.${name}.`;
    this.labels = { listener_address: name };
  }

  visit(visitor: StatVisitor): void {
    visitor.number('downstream_cx_total', 'counter', this.cxTotal);
    visitor.number('downstream_cx_active', 'gauge', this.cxActive);
    visitor.number('downstream_cx_destroy', 'counter', this.cxDestroy);
    visitor.number('downstream_cx_overflow', 'counter', this.cxOverflow);
    visitor.number('no_filter_chain_match', 'counter', this.noFilterChainMatch);
    visitor.number('downstream_pre_cx_timeout', 'counter', this.preCxTimeout);
    visitor.number('ssl.handshake', 'counter', this.sslHandshake);
    visitor.number('ssl.connection_error', 'counter', this.sslConnectionError);
    visitor.number('ssl.fail_verify_error', 'counter', this.sslFailVerify);
  }

  resetCounters(): void {
    this.cxTotal = 0;
    this.cxDestroy = 0;
    this.cxOverflow = 0;
    this.noFilterChainMatch = 0;
    this.preCxTimeout = 0;
    this.sslHandshake = 0;
    this.sslConnectionError = 0;
    this.sslFailVerify = 0;
  }
}
