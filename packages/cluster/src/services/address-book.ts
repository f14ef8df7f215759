/** Hands out a fixed list of addresses, each to one holder, who gets the same one as long as it holds it. */
export class AddressBook {
  readonly #addresses: readonly string[];
  readonly #byHolder = new Map<string, string>();
  readonly #taken = new Set<string>();

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** The holder's address: one of those it wishes for, in order, where one is free; undefined where none is left. */
  take(holder: string, wishes: readonly (string | undefined)[] = []): string | undefined {
    const held = this.#byHolder.get(holder);
    if (held !== undefined) return held;
    const free = (address: string | undefined): address is string =>
      address !== undefined && this.#addresses.includes(address) && !this.#taken.has(address);
    const address = wishes.find(free) ?? this.#addresses.find(free);
    if (address === undefined) return undefined;
    this.#byHolder.set(holder, address);
    this.#taken.add(address);
    return address;
  }

  release(holder: string): void {
    const address = this.#byHolder.get(holder);
    if (address === undefined) return;
    this.#byHolder.delete(holder);
    this.#taken.delete(address);
  }
}
