import { lowerHost, withoutPort } from '../decide/domain-match.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import type { OnDemand } from '../on-demand/on-demand.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

type Config = HttpFilterConfig & { readonly kind: 'on_demand' };

/** How long a virtual host is waited for; Envoy's default for clusters. */
const hostTimeoutMs = 5_000;

/**
 * Lets a request wait for its virtual host (VHDS) or its cluster (on-demand CDS) to be fetched; where there is none it
 * goes on as it is, and ends as a request without a route or without a cluster.
 * Source: Envoy, "On-demand VHDS, S/RDS and CDS Updates".
 */
export function onDemandFilter(name: string, own: Config, onDemand: OnDemand): CompiledHttpFilter {
  function configOf(exchange: FilterExchange): Config {
    const config = exchange.routeConfig(name);
    return config?.kind === 'on_demand' ? config : own;
  }

  /** True where the request has to wait: `resume` is called then. */
  function waitForHost(exchange: FilterExchange, resume: () => void): boolean {
    if (exchange.route !== undefined) return false;
    const { authority } = exchange.head;
    const table = exchange.routeTable();
    // Where the host is known, it is the route that is not there.
    if (table?.config.onDemandHosts !== true || table.takes(authority)) return false;
    const { name: tableName, ignorePortInHostMatching } = table.config;
    const host = lowerHost(authority);
    const asked = ignorePortInHostMatching ? withoutPort(host) : host;
    const cancel = onDemand.virtualHost(tableName, asked, hostTimeoutMs, (outcome) =>
      exchange.inTurn(() => {
        if (outcome === 'available') exchange.reroute();
        resume();
      }),
    );
    exchange.atEnd(cancel);
    return true;
  }

  function waitForCluster(exchange: FilterExchange): boolean {
    const { clusters } = configOf(exchange);
    const action = exchange.route?.action;
    if (clusters === undefined || action?.kind !== 'forward') return false;
    const target = action.choose(exchange.head, exchange.draw);
    if (target === undefined || target.ref.cluster !== undefined) return false;
    const { source, timeoutMs } = clusters;
    const cancel = onDemand.cluster(target.ref.name, source, timeoutMs, () =>
      exchange.inTurn(() => exchange.continueRequest()),
    );
    exchange.atEnd(cancel);
    return true;
  }

  return {
    name,
    onRequest(exchange) {
      const resume = (): void => {
        if (!waitForCluster(exchange)) exchange.continueRequest();
      };
      if (waitForHost(exchange, resume)) return 'stop';
      return waitForCluster(exchange) ? 'stop' : 'continue';
    },
  };
}
