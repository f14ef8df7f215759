import { names } from '../codec/header-name.ts';
import type { CompiledHttpFilter } from './http-filter.ts';

/** Holds requests back until all of their body is here, up to a limit; a route may have another one (Envoy, buffer filter). */
export function bufferFilter(name: string, maxRequestBytes: number): CompiledHttpFilter {
  return {
    name,
    onRequest(exchange) {
      if (exchange.requestComplete || exchange.head.upgrade !== undefined) return 'continue';
      const config = exchange.routeConfig(name);
      const limitBytes = config?.kind === 'buffer' ? config.maxRequestBytes : maxRequestBytes;
      exchange.awaitBody(limitBytes, (state) => {
        if (state === 'too_large') {
          exchange.refuseBody();
          return;
        }
        const { headers } = exchange.head;
        const bytes = exchange.earlyBody?.bytes ?? 0;
        if (!headers.has(names.contentLength) && exchange.earlyBody?.trailers === undefined) {
          headers.add(names.contentLength, String(bytes));
        }
        exchange.continueRequest();
      });
      return 'stop';
    },
  };
}
