import type { CompiledHttpFilter } from './http-filter.ts';

/**
 * Sends requests on from the address of their client, as trusted headers name it (Envoy, original source HTTP filter).
 * `mark` of the packets, so that answers find their way back; 0: none. A client without an IP address is passed over.
 */
export function originalSourceFilter(name: string, mark: number): CompiledHttpFilter {
  return {
    name,
    onRequest(exchange) {
      const { address } = exchange.client;
      if (address !== '') exchange.upstreamSource = { address, port: 0, mark };
      return 'continue';
    },
  };
}
