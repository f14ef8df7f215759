import type { VirtualHost, VirtualHostSource } from '../model/index.ts';
import type { Parts } from '../timer/in-slices.ts';

/** A virtual host that was found good, of which only the bytes are kept. */
export class UnreadVirtualHost implements VirtualHostSource {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routeCount: number;
  readonly #read: (bytes: Uint8Array) => Parts<VirtualHost>;
  #bytes: Uint8Array;

  constructor(
    { name, domains, routeCount }: Omit<VirtualHostSource, 'read'>,
    bytes: Uint8Array,
    read: (bytes: Uint8Array) => Parts<VirtualHost>,
  ) {
    this.name = name;
    this.domains = domains;
    this.routeCount = routeCount;
    this.#bytes = bytes;
    this.#read = read;
  }

  read(): Parts<VirtualHost> {
    return this.#read(this.#bytes);
  }

  /**
   * True where these bytes are the same. They are kept from then on, so that those which came before, a view of a whole
   * table, can go.
   */
  isAlso(bytes: Uint8Array): boolean {
    if (Buffer.compare(this.#bytes, bytes) !== 0) return false;
    this.#bytes = bytes;
    return true;
  }
}
