import type { HeaderBlock } from './header-block.ts';

/**
 * Bytes of one stream as they go over its connection, inside of TLS: all of them, and those of heads and trailers. As
 * Envoy counts: over HTTP/1 the fields without their first line and without the space after the colon of those that
 * came, over HTTP/2 frames with their headers.
 */
export interface ByteMeter {
  readonly wireReceived: number;
  readonly wireSent: number;
  readonly headerReceived: number;
  readonly headerSent: number;
}

/** Before a byte has passed. */
export const noBytes: ByteMeter = { wireReceived: 0, wireSent: 0, headerReceived: 0, headerSent: 0 };

/** Where there are no heads. */
export function bodyBytes(wireReceived: number, wireSent: number): ByteMeter {
  return { wireReceived, wireSent, headerReceived: 0, headerSent: 0 };
}

/** Of several streams that carried one request after each other. */
export function sumOfMeters(meters: readonly ByteMeter[]): ByteMeter {
  const [only = noBytes] = meters;
  if (meters.length <= 1) return only;
  return meters.reduce((sum, one) => ({
    wireReceived: sum.wireReceived + one.wireReceived,
    wireSent: sum.wireSent + one.wireSent,
    headerReceived: sum.headerReceived + one.headerReceived,
    headerSent: sum.headerSent + one.headerSent,
  }));
}

/** Lines as they came, of a block of which nothing was edited that was not there. */
export function receivedFieldBytes(block: HeaderBlock): number {
  return block.used - block.lines;
}
