/** What is no BSON. */
export class BsonError extends Error {}

/** Fields in their order; a name may be there more than once. */
export type BsonDocument = readonly (readonly [name: string, value: BsonValue])[];

/** A value; those that nothing here looks into are only told by their kind. */
export type BsonValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | { readonly document: BsonDocument }
  | { readonly array: BsonDocument }
  | { readonly kind: string; readonly text: string };

/** MongoDB's own limit of documents in documents. */
const maxDepth = 100;

/** Reads the document at an offset; `end` is the offset after it. Throws a {@link BsonError}. (bsonspec.org, version 1.1) */
export function readDocument(
  bytes: Buffer,
  at: number,
  depth = 0,
): { readonly document: BsonDocument; readonly end: number } {
  if (depth > maxDepth) throw new BsonError('documents are nested too deep');
  const length = int32(bytes, at);
  const end = at + length;
  if (length < 5 || end > bytes.length || bytes[end - 1] !== 0) throw new BsonError('a document has no end');
  const document: [string, BsonValue][] = [];
  let next = at + 4;
  while (next < end - 1) {
    const type = bytes[next] as number;
    const name = cString(bytes, next + 1, end);
    const value = readValue(type, bytes, name.end, end - 1, depth);
    document.push([name.text, value.value]);
    next = value.end;
  }
  if (next !== end - 1) throw new BsonError('a field is longer than its document');
  return { document, end };
}

/** The first field of a name. */
export function fieldOf(document: BsonDocument, name: string): BsonValue | undefined {
  for (const [key, value] of document) if (key === name) return value;
  return undefined;
}

/** A value that is a document; undefined for others. */
export function asDocument(value: BsonValue | undefined): BsonDocument | undefined {
  return typeof value === 'object' && value !== null && 'document' in value ? value.document : undefined;
}

/** The same as JSON has it, for logs. */
export function toJson(document: BsonDocument): { readonly [key: string]: unknown } {
  return Object.fromEntries(document.map(([name, value]) => [name, plain(value)]));
}

function plain(value: BsonValue): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if ('document' in value) return toJson(value.document);
  if ('array' in value) return value.array.map(([, item]) => plain(item));
  return { [`$${value.kind}`]: value.text };
}

interface Read {
  readonly value: BsonValue;
  readonly end: number;
}

function readValue(type: number, bytes: Buffer, at: number, limit: number, depth: number): Read {
  const fixed = (size: number, value: (() => BsonValue) | string): Read => {
    if (at + size > limit) throw new BsonError('a value is longer than its document');
    const of = typeof value === 'string' ? hexOf(value, bytes, at, at + size) : value();
    return { value: of, end: at + size };
  };
  switch (type) {
    case 0x01:
      return fixed(8, () => bytes.readDoubleLE(at));
    case 0x02:
    case 0x0d:
    case 0x0e:
      return readString(bytes, at, limit);
    case 0x03:
    case 0x04: {
      const { document, end } = readDocument(bytes, at, depth + 1);
      if (end > limit) throw new BsonError('a value is longer than its document');
      return { value: type === 0x03 ? { document } : { array: document }, end };
    }
    case 0x05: {
      const length = int32(bytes, at);
      if (length < 0) throw new BsonError('a length is negative');
      return fixed(5 + length, () => ({ kind: 'binary', text: `${length} bytes` }));
    }
    case 0x06:
      return fixed(0, () => ({ kind: 'undefined', text: '' }));
    case 0x07:
      return fixed(12, 'oid');
    case 0x08:
      return fixed(1, () => bytes[at] !== 0);
    case 0x09:
      return fixed(8, () => ({ kind: 'date', text: String(bytes.readBigInt64LE(at)) }));
    case 0x0a:
      return fixed(0, () => null);
    case 0x0b: {
      const pattern = cString(bytes, at, limit);
      const flags = cString(bytes, pattern.end, limit);
      return { value: { kind: 'regex', text: `/${pattern.text}/${flags.text}` }, end: flags.end };
    }
    case 0x0c: {
      const name = readString(bytes, at, limit);
      if (name.end + 12 > limit) throw new BsonError('a value is longer than its document');
      return { value: { kind: 'ref', text: name.value }, end: name.end + 12 };
    }
    case 0x0f: {
      const length = int32(bytes, at);
      const code = readString(bytes, at + 4, limit);
      const scope = readDocument(bytes, code.end, depth + 1);
      if (scope.end !== at + length) throw new BsonError('code with a scope has another length');
      return fixed(length, () => ({ kind: 'code', text: code.value }));
    }
    case 0x10:
      return fixed(4, () => bytes.readInt32LE(at));
    case 0x11:
      return fixed(8, 'timestamp');
    case 0x12:
      return fixed(8, () => bytes.readBigInt64LE(at));
    case 0x13:
      return fixed(16, 'decimal');
    case 0x7f:
    case 0xff:
      return fixed(0, () => ({ kind: type === 0xff ? 'minKey' : 'maxKey', text: '' }));
    default:
      throw new BsonError(`type ${type} does not exist`);
  }
}

function int32(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw new BsonError('a number is not complete');
  return bytes.readInt32LE(at);
}

function readString(
  bytes: Buffer,
  at: number,
  limit: number,
): { readonly value: string; readonly end: number } {
  const length = int32(bytes, at);
  const end = at + 4 + length;
  if (length < 0 || end > limit) throw new BsonError('a string has no end');
  const nul = bytes.indexOf(0, at + 4);
  return { value: bytes.toString('utf8', at + 4, nul < 0 || nul > end ? end : nul), end };
}

/** Text up to a NUL, which is before `limit`. */
export function cString(
  bytes: Buffer,
  at: number,
  limit: number,
): { readonly text: string; readonly end: number } {
  const end = bytes.indexOf(0, at);
  if (end < 0 || end >= limit) throw new BsonError('a name has no end');
  return { text: bytes.toString('utf8', at, end), end: end + 1 };
}

function hexOf(kind: string, bytes: Buffer, from: number, to: number): BsonValue {
  return { kind, text: bytes.toString('hex', from, to) };
}
