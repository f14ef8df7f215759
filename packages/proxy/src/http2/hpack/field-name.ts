import { hashStep, tokenLower, type HeaderName } from '../../codec/header-name.ts';

/** What a name means to HTTP/2 itself. */
export type FieldRole =
  | 'regular'
  | 'method'
  | 'scheme'
  | 'authority'
  | 'path'
  | 'protocol'
  | 'status'
  /** About one connection only (RFC 9113 section 8.2.2): not allowed. */
  | 'connection'
  | 'te'
  | 'content-length'
  | 'host'
  | 'cookie'
  | 'expect'
  /** No name that HTTP/2 allows: an upper-case letter, an unknown pseudo header, no token. */
  | 'invalid';

export interface FieldName extends HeaderName {
  readonly role: FieldRole;
}

const roles: ReadonlyMap<string, FieldRole> = new Map<string, FieldRole>([
  [':method', 'method'],
  [':scheme', 'scheme'],
  [':authority', 'authority'],
  [':path', 'path'],
  [':protocol', 'protocol'],
  [':status', 'status'],
  ['connection', 'connection'],
  ['keep-alive', 'connection'],
  ['proxy-connection', 'connection'],
  ['transfer-encoding', 'connection'],
  ['upgrade', 'connection'],
  ['te', 'te'],
  ['content-length', 'content-length'],
  ['host', 'host'],
  ['cookie', 'cookie'],
  ['expect', 'expect'],
]);

/** Prepares the name of a field as it came, with what it means. */
export function fieldName(name: string): FieldName {
  let hash = 0;
  let valid = name.length > 0;
  for (let i = 0; i < name.length; i++) {
    const byte = name.charCodeAt(i);
    // A token is its own lower case; upper-case letters are not allowed in HTTP/2.
    if (tokenLower[byte] !== byte) valid = false;
    hash = hashStep(hash, byte);
  }
  const role = roles.get(name) ?? (valid ? 'regular' : 'invalid');
  return { lower: name, hash, prefix: Buffer.from(`${name}: `, 'latin1'), role };
}

const slots = 256;

/** Names that came before, so that one which comes with each request is made once. */
export class FieldNames {
  readonly #bySlot: (FieldName | undefined)[] = new Array<FieldName | undefined>(slots);

  /** The name that is `source[start, end)`. */
  of(source: Uint8Array, start: number, end: number): FieldName {
    let hash = 0;
    for (let i = start; i < end; i++) hash = hashStep(hash, source[i] as number);
    const slot = hash & (slots - 1);
    const known = this.#bySlot[slot];
    if (known !== undefined && known.hash === hash && isSame(known, source, start, end)) return known;
    const name = fieldName(Buffer.from(source.subarray(start, end)).toString('latin1'));
    // What is long comes once.
    if (end - start <= 64) this.#bySlot[slot] = name;
    return name;
  }
}

function isSame(name: FieldName, source: Uint8Array, start: number, end: number): boolean {
  const { prefix } = name;
  if (prefix.length - 2 !== end - start) return false;
  for (let i = start; i < end; i++) if (prefix[i - start] !== source[i]) return false;
  return true;
}
