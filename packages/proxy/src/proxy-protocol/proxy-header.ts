import type { SocketAddress } from '../model/address.ts';

/** A further field of a header of version 2: type and value. */
export interface Tlv {
  readonly type: number;
  readonly value: Buffer;
}

/** Both ends of the connection that a header speaks of. */
export interface ProxiedEnds {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
}

/** A header of the PROXY protocol. */
export interface ProxyHeader {
  readonly version: 1 | 2;
  /** Undefined where the sender speaks for itself (`UNKNOWN`, `LOCAL`): the connection's own ends hold. */
  readonly ends: ProxiedEnds | undefined;
  readonly tlvs: readonly Tlv[];
  /** Bytes of the header. */
  readonly length: number;
}

/** With which every header of version 1 begins. */
export const signature1 = Buffer.from('PROXY ', 'latin1');
/** With which every header of version 2 begins. */
export const signature2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
