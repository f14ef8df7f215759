import type { ByteMeter } from '../codec/byte-meter.ts';
import { receivedFieldBytes } from '../codec/byte-meter.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { Wire } from '../wire/wire.ts';

/** Where counting begins, or ends: totals of a connection. */
export interface WireMark {
  readonly received: number;
  readonly sent: number;
}

export const atBeginning: WireMark = { received: 0, sent: 0 };

/** What has passed a connection until now; its bytes must be counted alone. */
export function markOf(wire: Wire): WireMark {
  return { received: wire.bytes.received, sent: wire.writtenBytes };
}

/** Bytes of the exchange that an HTTP/1 connection carries: what passes the connection while it lasts. */
export class Http1Meter implements ByteMeter {
  readonly #wire: Wire;
  readonly #begin: WireMark;
  #end: WireMark | undefined;
  headerReceived = 0;
  headerSent = 0;

  constructor(wire: Wire, begin: WireMark) {
    this.#wire = wire;
    this.#begin = begin;
  }

  get wireReceived(): number {
    return (this.#end ?? markOf(this.#wire)).received - this.#begin.received;
  }

  get wireSent(): number {
    return (this.#end ?? markOf(this.#wire)).sent - this.#begin.sent;
  }

  /** A head, or trailers, came. */
  noteFields(block: HeaderBlock): void {
    this.headerReceived += receivedFieldBytes(block);
  }

  /** The exchange is over: what comes belongs to the next. */
  end(): WireMark {
    return (this.#end ??= markOf(this.#wire));
  }
}
