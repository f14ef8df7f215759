import { LateenError } from '@lateen/core';

/** The number of an IPv4 address in dotted form. */
function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toDotted(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}

/**
 * Hands out the addresses of a range, each to one holder.
 *
 * Goes round the range before an address is used again, so that late packets and cached names
 * do not reach a stranger.
 */
export class AddressPool {
  readonly #first: number;
  readonly #size: number;
  readonly #holders = new Map<number, string>();
  #next = 0;

  /** `cidr` as `10.244.0.0/16`; its first address, its last one and `reserved` are never handed out. */
  constructor(cidr: string, reserved: readonly string[] = []) {
    const [base = '', bits = ''] = cidr.split('/');
    this.#first = toNumber(base) + 1;
    this.#size = 2 ** (32 - Number(bits)) - 2;
    for (const address of reserved) this.#holders.set(toNumber(address), '');
  }

  /** An address for this holder: the one it has already, else the next free one. */
  take(holder: string): string {
    for (const [number, owner] of this.#holders) if (owner === holder) return toDotted(number);
    for (let tried = 0; tried < this.#size; tried++) {
      const number = this.#first + this.#next;
      this.#next = (this.#next + 1) % this.#size;
      if (this.#holders.has(number)) continue;
      this.#holders.set(number, holder);
      return toDotted(number);
    }
    throw new LateenError('network.no-address', 'every pod address is in use', {
      hint: 'delete pods that are not needed',
    });
  }

  /** Gives back what the holder has. */
  release(holder: string): void {
    for (const [number, owner] of this.#holders) if (owner === holder) this.#holders.delete(number);
  }
}
