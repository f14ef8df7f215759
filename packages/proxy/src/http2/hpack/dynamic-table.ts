import { Field } from './field.ts';
import type { FieldName } from './field-name.ts';

const largestTable = 4096;
/**
 * Values are put one after the other into a ring of this size. A full table, a gap where a value did not fit before the
 * end of the ring, and the value that is being put in are each shorter than a table: nothing that is in use is written over.
 */
const ringBytes = 3 * largestTable;

/** The newest fields of one direction of a connection, within a size (RFC 7541 section 2.3.2). */
export class DynamicTable {
  /** A ring; the newest is at `#inserted - 1`. */
  #ring: (Field | undefined)[] = new Array<Field | undefined>(128);
  #inserted = 0;
  #count = 0;
  #size = 0;
  #maxSize: number;
  #bytes: Buffer | undefined;
  #bytesAt = 0;

  /** `maxSize` is at most 4096. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get count(): number {
    return this.#count;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  /** Fields that were ever put in: the next one's number. */
  get inserted(): number {
    return this.#inserted;
  }

  /** The field at a place; 0 is the newest. */
  at(place: number): Field | undefined {
    if (place >= this.#count) return undefined;
    return this.#ring[(this.#inserted - 1 - place) & (this.#ring.length - 1)];
  }

  /** How old the field of a number is: its place; -1 where it is gone. */
  placeOf(number: number): number {
    const place = this.#inserted - 1 - number;
    return place < this.#count ? place : -1;
  }

  /** Puts a field in, whose value is a copy of `source[start, end)`. */
  insert(name: FieldName, source: Uint8Array, start: number, end: number): Field {
    const field = this.#keep(name, source, start, end);
    const { size } = field;
    this.#evict(this.#maxSize - size);
    if (size > this.#maxSize) return field;
    if (this.#count === this.#ring.length) this.#widen();
    this.#ring[this.#inserted & (this.#ring.length - 1)] = field;
    this.#inserted++;
    this.#count++;
    this.#size += size;
    return field;
  }

  #keep(name: FieldName, source: Uint8Array, start: number, end: number): Field {
    const length = end - start;
    if (length > largestTable) return new Field(name, Buffer.from(source.subarray(start, end)), 0, length);
    const bytes = (this.#bytes ??= Buffer.allocUnsafeSlow(ringBytes));
    const at = this.#bytesAt + length > ringBytes ? 0 : this.#bytesAt;
    if (length > 64) bytes.set(source.subarray(start, end), at);
    else for (let i = 0; i < length; i++) bytes[at + i] = source[start + i] as number;
    this.#bytesAt = at + length;
    return new Field(name, bytes, at, at + length);
  }

  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evict(maxSize);
  }

  #evict(room: number): void {
    while (this.#size > room && this.#count > 0) {
      const at = (this.#inserted - this.#count) & (this.#ring.length - 1);
      this.#size -= (this.#ring[at] as Field).size;
      this.#ring[at] = undefined;
      this.#count--;
    }
  }

  #widen(): void {
    const wider = new Array<Field | undefined>(this.#ring.length * 2);
    for (let n = this.#inserted - this.#count; n < this.#inserted; n++) {
      wider[n & (wider.length - 1)] = this.#ring[n & (this.#ring.length - 1)];
    }
    this.#ring = wider;
  }
}
