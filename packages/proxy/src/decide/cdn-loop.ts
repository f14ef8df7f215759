const tokenSigns = "!#$%&'*+-.^_`|~";

function isToken(code: number): boolean {
  return (
    (code >= 48 && code <= 57) ||
    (code >= 65 && code <= 90) ||
    (code >= 97 && code <= 122) ||
    (code > 32 && tokenSigns.includes(String.fromCharCode(code)))
  );
}

const isAddressSign = (sign: string | undefined): boolean =>
  sign !== undefined && /^[\dA-Fa-f:.]$/.test(sign);

/** Reads what a CDN-Loop header is made of, from a place on; each returns where it ends, -1 where it is not there. */
class CdnLoopReader {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** `cdn.example`, `cdn.example:443`, `[2001:db8::1]:443` (RFC 8586 section 2). */
  id(from: number): number {
    const text = this.#text;
    let at = from;
    if (text[at] === '[') {
      at++;
      while (isAddressSign(text[at])) at++;
      if (text[at] !== ']' || at === from + 1) return -1;
      at++;
    } else {
      at = this.#token(at);
    }
    if (at < 0 || text[at] !== ':') return at;
    at++;
    while (text[at] !== undefined && /^\d$/.test(text[at] as string)) at++;
    return at;
  }

  /** All `; name=value` that follow. */
  parameters(from: number): number {
    let at = from;
    for (;;) {
      const semicolon = this.spaces(at);
      if (this.#text[semicolon] !== ';') return at;
      const equals = this.#token(this.spaces(semicolon + 1));
      if (equals < 0 || this.#text[equals] !== '=') return -1;
      at = this.#text[equals + 1] === '"' ? this.#quoted(equals + 1) : this.#token(equals + 1);
      if (at < 0) return -1;
    }
  }

  spaces(from: number): number {
    let at = from;
    while (this.#text[at] === ' ' || this.#text[at] === '\t') at++;
    return at;
  }

  #token(from: number): number {
    let at = from;
    while (at < this.#text.length && isToken(this.#text.charCodeAt(at))) at++;
    return at === from ? -1 : at;
  }

  #quoted(from: number): number {
    for (let at = from + 1; at < this.#text.length; at++) {
      if (this.#text[at] === '"') return at + 1;
      if (this.#text[at] === '\\') at++;
    }
    return -1;
  }
}

/** True for what a CDN may be called in `CDN-Loop`. */
export function isCdnId(text: string): boolean {
  return text !== '' && new CdnLoopReader(text).id(0) === text.length;
}

/**
 * How often a CDN is named by a `CDN-Loop` header; undefined where it is no such header (RFC 8586 section 2). Names are
 * compared as they are written; empty entries count for nothing.
 */
export function countCdnLoops(header: string, cdnId: string): number | undefined {
  const reader = new CdnLoopReader(header);
  let count = 0;
  let at = 0;
  for (;;) {
    at = reader.spaces(at);
    if (at < header.length && header[at] !== ',') {
      const end = reader.id(at);
      if (end < 0) return undefined;
      if (header.slice(at, end) === cdnId) count++;
      at = reader.parameters(end);
      if (at < 0) return undefined;
      at = reader.spaces(at);
    }
    if (at >= header.length) return count;
    if (header[at] !== ',') return undefined;
    at++;
  }
}
