import type { TcpUpstream } from './tunnel.ts';

/**
 * How the two sides end: by FIN after what waits to be sent, by FIN at once (Envoy's NoFlush), or by RST, as the side
 * that broke.
 */
export type WireEnd = 'sent' | 'unsent' | 'reset';

export function endWire(wire: TcpUpstream, end: WireEnd): void {
  if (wire.closed) return;
  if (end === 'sent') wire.end();
  else wire.destroy(end === 'reset');
}
