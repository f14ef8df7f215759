import { createHash } from 'node:crypto';
import type { RequestHead, ResponseHead } from '../codec/head.ts';
import { headerName } from '../codec/header-name.ts';

const key = headerName('sec-websocket-key');
const accept = headerName('sec-websocket-accept');
/** RFC 6455 section 1.3. */
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** True where an endpoint that was asked for a WebSocket answers as if it had been asked for a page. */
export function refusesWebsocket({ upgrade }: RequestHead, answer: ResponseHead): boolean {
  return upgrade === 'websocket' && answer.upgrade === undefined && answer.status < 400;
}

/**
 * Makes the answer to a WebSocket handshake that of the client's version of HTTP: over HTTP/1.1 a client checks that its
 * key was read, over HTTP/2 there is no key (RFC 8441 section 5).
 */
export function completeWebsocketHandshake(request: RequestHead, response: ResponseHead): void {
  const asked = request.headers.get(key);
  if (asked === undefined || request.version === 'HTTP/2') {
    response.headers.remove(accept);
    return;
  }
  if (response.headers.has(accept)) return;
  response.headers.add(
    accept,
    createHash('sha1')
      .update(asked + acceptGuid)
      .digest('base64'),
  );
}
