/**
 * Where buffers lie, for calls that take an address as a number: that is twice as quick as handing the buffer over. Only for
 * buffers of more than 64 bytes, which stay where they are. Few are in use at a time: one for what is read, one for what
 * leaves plain, one for what leaves encrypted.
 */
export class BufferAddresses {
  readonly #addressOf: (bytes: Uint8Array) => number;
  #first: Uint8Array | undefined;
  #firstAddress = 0;
  #second: Uint8Array | undefined;
  #secondAddress = 0;
  #third: Uint8Array | undefined;
  #thirdAddress = 0;

  constructor(addressOf: (bytes: Uint8Array) => number) {
    this.#addressOf = addressOf;
  }

  of(bytes: Uint8Array): number {
    if (bytes === this.#first) return this.#firstAddress;
    if (bytes === this.#second) return this.#secondAddress;
    if (bytes === this.#third) return this.#thirdAddress;
    this.#third = this.#second;
    this.#thirdAddress = this.#secondAddress;
    this.#second = this.#first;
    this.#secondAddress = this.#firstAddress;
    this.#first = bytes;
    this.#firstAddress = this.#addressOf(bytes);
    return this.#firstAddress;
  }
}
