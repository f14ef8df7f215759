import type { Inspected, InspectionWish } from '../listener/inspection.ts';
import { NumberGroup } from './number-group.ts';
import type { StatsRegistry } from './stats-registry.ts';

const tlsNames = {
  tlsFound: ['tls_found', 'counter'],
  tlsNotFound: ['tls_not_found', 'counter'],
  alpnFound: ['alpn_found', 'counter'],
  alpnNotFound: ['alpn_not_found', 'counter'],
  sniFound: ['sni_found', 'counter'],
  sniNotFound: ['sni_not_found', 'counter'],
} as const;
const httpNames = {
  http10Found: ['http10_found', 'counter'],
  http11Found: ['http11_found', 'counter'],
  http2Found: ['http2_found', 'counter'],
  httpNotFound: ['http_not_found', 'counter'],
} as const;

/** What the inspectors of listeners have found in first bytes, Envoy's `tls_inspector.…` and `http_inspector.…`. */
export class InspectorStats {
  readonly #tls = new NumberGroup('tls_inspector.', 'envoy_tls_inspector_', {}, tlsNames);
  readonly #http = new NumberGroup('http_inspector.', 'envoy_http_inspector_', {}, httpNames);

  constructor(registry: Pick<StatsRegistry, 'add'>) {
    registry.add(this.#tls);
    registry.add(this.#http);
  }

  /** Counts a connection whose first bytes have told what it is. */
  count(seen: Inspected, wish: InspectionWish): void {
    const isTls = seen.transportProtocol === 'tls';
    if (wish.tls) this.#countTls(seen, isTls);
    if (wish.http && !isTls) this.#countHttp(seen.applicationProtocols[0]);
  }

  #countTls({ serverName, applicationProtocols }: Inspected, isTls: boolean): void {
    const { n } = this.#tls;
    if (!isTls) {
      n.tlsNotFound++;
      return;
    }
    n.tlsFound++;
    if (serverName === '') n.sniNotFound++;
    else n.sniFound++;
    if (applicationProtocols.length === 0) n.alpnNotFound++;
    else n.alpnFound++;
  }

  #countHttp(protocol: string | undefined): void {
    const { n } = this.#http;
    if (protocol === undefined) n.httpNotFound++;
    else if (protocol === 'h2c') n.http2Found++;
    else if (protocol === 'http/1.0') n.http10Found++;
    else n.http11Found++;
  }
}
