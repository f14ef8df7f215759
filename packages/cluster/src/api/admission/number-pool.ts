import { randomInt } from 'node:crypto';

/**
 * Numbers that are given to owners, each to one. The lower part of the range is only given when it is asked for by
 * number or when the rest is used up, so that fixed numbers rarely meet chance.
 */
export class NumberPool {
  readonly #owners = new Map<number, string>();
  readonly #size: number;
  readonly #reserved: number;

  constructor(size: number, reserved: number) {
    this.#size = size;
    this.#reserved = Math.min(reserved, Math.floor(size / 2));
  }

  /** Takes this number; false where another owner has it or it is out of range. */
  take(number: number, owner: string): boolean {
    if (!this.holds(number)) return false;
    const present = this.#owners.get(number);
    if (present !== undefined && present !== owner) return false;
    this.#owners.set(number, owner);
    return true;
  }

  /** Takes any number; undefined where all are taken. */
  takeAny(owner: string): number | undefined {
    if (this.#owners.size >= this.#size) return undefined;
    const free = this.#size - this.#reserved;
    const start = randomInt(free);
    for (let i = 0; i < free; i++) {
      const number = this.#reserved + ((start + i) % free);
      if (this.take(number, owner)) return number;
    }
    for (let number = this.#reserved - 1; number >= 0; number--) if (this.take(number, owner)) return number;
    return undefined;
  }

  /** Gives a number back, where the owner has it. */
  give(number: number, owner: string): void {
    if (this.#owners.get(number) === owner) this.#owners.delete(number);
  }

  holds(number: number): boolean {
    return Number.isInteger(number) && number >= 0 && number < this.#size;
  }
}
