import type { Extensions } from '../listener/extensions.ts';
import type { DiscoveredFilter } from '../model/discovered-filter.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

/**
 * A filter whose configuration comes by itself (ECDS): each request meets what is in force when it comes, on connections
 * that were there before too, and its answer the same. Without any, requests are answered with 500, as in Envoy.
 */
export function discoveredFilter(
  name: string,
  filter: DiscoveredFilter<HttpFilterConfig>,
  extensions: Extensions,
  compile: (config: HttpFilterConfig) => CompiledHttpFilter | undefined,
): CompiledHttpFilter {
  const slot = extensions.slot(name);
  let config: HttpFilterConfig | undefined;
  let compiled: CompiledHttpFilter | undefined;
  /** What requests have met. */
  const met = new WeakMap<FilterExchange, CompiledHttpFilter | undefined>();

  function now(): CompiledHttpFilter | undefined {
    const wanted = extensions.httpConfig(slot, filter);
    if (wanted !== config) {
      config = wanted;
      compiled = wanted === undefined ? undefined : compile(wanted);
    }
    return compiled;
  }

  return {
    name,
    onRequest(exchange) {
      const current = now();
      met.set(exchange, current);
      if (config === undefined) {
        exchange.addFlag(flag.noFilterConfigFound);
        exchange.reply(500, '', 'filter_config_not_found');
        return 'stop';
      }
      return current?.onRequest?.(exchange) ?? 'continue';
    },
    onResponse(exchange, response, endStream) {
      // An answer of the proxy itself may come before the request came here.
      const filter = met.has(exchange) ? met.get(exchange) : now();
      filter?.onResponse?.(exchange, response, endStream);
    },
  };
}
