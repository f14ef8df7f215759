import type { Field } from './field.ts';

/** The newest fields of one direction of a connection, within a size (RFC 7541 section 2.3.2). */
export class DynamicTable {
  /** A ring; the newest is at `#inserted - 1`. */
  #ring: (Field | undefined)[] = new Array<Field | undefined>(128);
  #inserted = 0;
  #count = 0;
  #size = 0;
  #maxSize: number;

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

  insert(field: Field): void {
    const { size } = field;
    this.#evict(this.#maxSize - size);
    if (size > this.#maxSize) return;
    if (this.#count === this.#ring.length) this.#widen();
    this.#ring[this.#inserted & (this.#ring.length - 1)] = field;
    this.#inserted++;
    this.#count++;
    this.#size += size;
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
