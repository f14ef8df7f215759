import { fillRandom } from '@lateen/core';

/** Where a request stands in its trace; ids in lower-case hexadecimal. */
export interface TraceContext {
  /** 16 or 32 digits. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
  readonly parentId: string | undefined;
  /** Undefined: whoever takes the request decides. */
  readonly sampled: boolean | undefined;
  /** `tracestate`, passed on as it is. */
  readonly state: string | undefined;
}

const idDigits = 16;
const poolIds = 256;

/** Makes random span ids, from random bytes and into text a batch at a time. */
export class SpanIds {
  readonly #random = Buffer.allocUnsafeSlow((idDigits / 2) * poolIds);
  #text = '';
  #at = 0;

  /** 16 digits, not all of them zero. */
  next(): string {
    if (this.#at === this.#text.length) {
      this.#text = fillRandom(this.#random).toString('hex');
      this.#at = 0;
    }
    const at = this.#at;
    this.#at = at + idDigits;
    const id = this.#text.slice(at, this.#at);
    return id === '0000000000000000' ? this.next() : id;
  }
}

/** True for `length` lower-case hexadecimal digits that are not all zero. */
export function isTraceId(text: string, length: number): boolean {
  if (text.length !== length) return false;
  let some = false;
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (!((c >= 48 && c <= 57) || (c >= 97 && c <= 102))) return false;
    some ||= c !== 48;
  }
  return some;
}
