import type { HeaderBlock } from './header-block.ts';
import { headerName } from './header-name.ts';

/** What frames, routes or authenticates a message, or belongs to one hop: not to be said after its body. */
const forbidden = [
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
].map(headerName);

/**
 * Takes off trailer fields that nobody may act on so late (RFC 9110 section 6.5.1): an endpoint that puts trailers and
 * headers together would see a message that no filter has seen.
 */
export function dropForbiddenTrailers(trailers: HeaderBlock): void {
  for (const name of forbidden) trailers.remove(name);
}
