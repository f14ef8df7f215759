/**
 * Finds what belongs to a host name among exact names, `*.suffix`, `prefix.*` and `*`: the exact
 * one, else the longest suffix, else the longest prefix, else `*` (Envoy, `VirtualHost.domains`). The cost
 * depends on how many different lengths of wildcards there are, not on the number of names.
 */
export class DomainTable<T> {
  readonly #exact = new Map<string, T>();
  readonly #suffixes = new Map<number, Map<string, T>>();
  readonly #prefixes = new Map<number, Map<string, T>>();
  #suffixLengths: number[] = [];
  #prefixLengths: number[] = [];
  #any: T | undefined;

  /** Adds a domain; false where it is there already. */
  add(domain: string, item: T): boolean {
    const name = domain.toLowerCase();
    if (name === '*') {
      if (this.#any !== undefined) return false;
      this.#any = item;
      return true;
    }
    if (name.startsWith('*')) return this.#addWildcard(this.#suffixes, name.slice(1), item);
    if (name.endsWith('*')) return this.#addWildcard(this.#prefixes, name.slice(0, -1), item);
    if (this.#exact.has(name)) return false;
    this.#exact.set(name, item);
    return true;
  }

  #addWildcard(table: Map<number, Map<string, T>>, part: string, item: T): boolean {
    let byText = table.get(part.length);
    if (byText === undefined) {
      byText = new Map();
      table.set(part.length, byText);
      const lengths = [...table.keys()].sort((a, b) => b - a);
      if (table === this.#suffixes) this.#suffixLengths = lengths;
      else this.#prefixLengths = lengths;
    }
    if (byText.has(part)) return false;
    byText.set(part, item);
    return true;
  }

  /** What belongs to a host in lower case; a wildcard stands for at least one character. */
  find(host: string): T | undefined {
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    for (const length of this.#suffixLengths) {
      if (length >= host.length) continue;
      const found = this.#suffixes.get(length)?.get(host.slice(host.length - length));
      if (found !== undefined) return found;
    }
    for (const length of this.#prefixLengths) {
      if (length >= host.length) continue;
      const found = this.#prefixes.get(length)?.get(host.slice(0, length));
      if (found !== undefined) return found;
    }
    return this.#any;
  }
}

/** The host in lower case; makes a new string only where it must. */
export function lowerHost(authority: string): string {
  for (let i = 0; i < authority.length; i++) {
    const c = authority.charCodeAt(i);
    if (c >= 65 && c <= 90) return authority.toLowerCase();
  }
  return authority;
}

/** The host without its port. */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.indexOf(']', colon) >= 0) return authority;
  return authority.slice(0, colon);
}
