import { headerName } from '../codec/header-name.ts';
import { countCdnLoops } from '../decide/cdn-loop.ts';
import type { CompiledHttpFilter } from './http-filter.ts';

const cdnLoop = headerName('cdn-loop');

/** Refuses requests that have been here too often, and marks the others (Envoy, CDN-Loop filter; RFC 8586). */
export function cdnLoopFilter(name: string, cdnId: string, maxOccurrences: number): CompiledHttpFilter {
  return {
    name,
    onRequest(exchange) {
      const { headers } = exchange.head;
      const before = headers.get(cdnLoop);
      const count = before === undefined ? 0 : countCdnLoops(before, cdnId);
      if (count === undefined) {
        exchange.reply(400, 'Invalid CDN-Loop header in request.', 'invalid_cdn_loop_header');
        return 'stop';
      }
      if (count > maxOccurrences) {
        exchange.reply(502, 'The server has detected a loop between CDNs.', 'cdn_loop_detected');
        return 'stop';
      }
      headers.set(cdnLoop, before === undefined ? cdnId : `${before},${cdnId}`);
      return 'continue';
    },
  };
}
