import { randomFillSync } from 'node:crypto';

const idBytes = 16;
const poolIds = 256;

/** Two hexadecimal digits for each byte. */
const hex: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Makes random UUIDs (RFC 9562, version 4) from random bytes fetched in batches. */
export class RequestIds {
  readonly #pool = Buffer.allocUnsafeSlow(idBytes * poolIds);
  #at = this.#pool.length;

  next(): string {
    const pool = this.#pool;
    if (this.#at === pool.length) {
      randomFillSync(pool);
      this.#at = 0;
    }
    const at = this.#at;
    this.#at = at + idBytes;
    const byte = (i: number): string => hex[pool[at + i] as number] as string;
    const version = hex[((pool[at + 6] as number) & 0x0f) | 0x40] as string;
    const variant = hex[((pool[at + 8] as number) & 0x3f) | 0x80] as string;
    return (
      `${byte(0)}${byte(1)}${byte(2)}${byte(3)}-${byte(4)}${byte(5)}-${version}${byte(7)}-` +
      `${variant}${byte(9)}-${byte(10)}${byte(11)}${byte(12)}${byte(13)}${byte(14)}${byte(15)}`
    );
  }
}
