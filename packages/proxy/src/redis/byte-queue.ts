/** Bytes that came and were not all used yet, in one piece of memory that grows as needed. */
export class ByteQueue {
  #memory: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  append(buffer: Uint8Array, start: number, end: number): void {
    const wanted = this.length + end - start;
    if (this.#end + end - start > this.#memory.length) {
      const memory = wanted > this.#memory.length ? Buffer.allocUnsafe(2 * wanted) : this.#memory;
      memory.set(this.#memory.subarray(this.#start, this.#end), 0);
      this.#end = this.length;
      this.#start = 0;
      this.#memory = memory;
    }
    this.#memory.set(buffer.subarray(start, end), this.#end);
    this.#end += end - start;
  }

  /** Offset of the byte from `from` on; -1 where it is not there. */
  indexOf(byte: number, from: number): number {
    const at = this.#memory.subarray(0, this.#end).indexOf(byte, this.#start + from);
    return at < 0 ? -1 : at - this.#start;
  }

  at(offset: number): number {
    return this.#memory[this.#start + offset] as number;
  }

  text(from: number, to: number): string {
    return this.#memory.toString('latin1', this.#start + from, this.#start + to);
  }

  /** A copy of a part. */
  copy(from: number, to: number): Buffer {
    return Buffer.from(this.#memory.subarray(this.#start + from, this.#start + to));
  }

  /** Forgets the first bytes; the memory too, where nothing is left. */
  consume(count: number): void {
    this.#start += count;
    if (this.#start < this.#end) return;
    this.#start = 0;
    this.#end = 0;
    if (this.#memory.length > keptBytes) this.#memory = Buffer.alloc(0);
  }
}

/** An empty queue keeps no more memory than this. */
const keptBytes = 4_096;
