import { fillRandom } from '@lateen/core';

const idBytes = 16;
const idCharacters = 36;
const poolIds = 256;

const digits = Buffer.from('0123456789abcdef', 'latin1');
const dash = '-'.charCodeAt(0);

/** Whether a UUID has a dash before each of its bytes. */
const dashBefore: readonly boolean[] = Array.from({ length: idBytes }, (_, i) => [4, 6, 8, 10].includes(i));

/** Makes random UUIDs (RFC 9562, version 4), from random bytes and into text a batch at a time. */
export class RequestIds {
  readonly #random = Buffer.allocUnsafeSlow(idBytes * poolIds);
  readonly #characters = Buffer.allocUnsafeSlow(idCharacters * poolIds);
  #text = '';
  #at = 0;

  next(): string {
    if (this.#at === this.#text.length) this.#refill();
    const at = this.#at;
    this.#at = at + idCharacters;
    return this.#text.slice(at, this.#at);
  }

  #refill(): void {
    fillRandom(this.#random);
    const end = writeIds(this.#random, this.#characters);
    this.#text = this.#characters.toString('latin1', 0, end);
    this.#at = 0;
  }
}

/**
 * Writes random bytes as UUIDs one after the other; returns where they end. A function of its own: V8 optimises a long
 * loop while it runs, and gives up again at the first thing that it has not seen after it.
 */
function writeIds(random: Buffer, characters: Buffer): number {
  let to = 0;
  for (let from = 0; from < random.length; from++) {
    const index = from % idBytes;
    let byte = random[from] as number;
    if (index === 6) byte = (byte & 0x0f) | 0x40;
    else if (index === 8) byte = (byte & 0x3f) | 0x80;
    if (dashBefore[index]) characters[to++] = dash;
    characters[to++] = digits[byte >> 4] as number;
    characters[to++] = digits[byte & 0x0f] as number;
  }
  return to;
}
