import { opcodes } from '../message.ts';

/** Values that tests write; numbers are 64-bit floats, bigints 64-bit integers. */
export type Writable =
  | number
  | bigint
  | string
  | boolean
  | null
  | readonly Writable[]
  | { readonly [name: string]: Writable };

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

const text = (value: string): Buffer => Buffer.from(`${value}\0`);

/** A BSON document. */
export function encodeDocument(document: { readonly [name: string]: Writable }): Buffer {
  const fields = Object.entries(document).map(([name, value]) => encodeField(name, value));
  const body = Buffer.concat([...fields, Buffer.from([0])]);
  return Buffer.concat([int32(body.length + 4), body]);
}

function encodeField(name: string, value: Writable): Buffer {
  const of = (type: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.from([type]), text(name), bytes]);
  if (value === null) return of(0x0a, Buffer.alloc(0));
  if (typeof value === 'boolean') return of(0x08, Buffer.from([value ? 1 : 0]));
  if (typeof value === 'string') {
    const bytes = text(value);
    return of(0x02, Buffer.concat([int32(bytes.length), bytes]));
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return of(0x01, bytes);
  }
  if (typeof value === 'bigint') {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return of(0x12, bytes);
  }
  return Array.isArray(value)
    ? of(0x04, encodeDocument(Object.fromEntries(value.map((item, i) => [String(i), item]))))
    : of(0x03, encodeDocument(value as { readonly [name: string]: Writable }));
}

/** A message with its head. */
export function encodeMessage(
  id: number,
  responseTo: number,
  opcode: number,
  ...body: readonly Buffer[]
): Buffer {
  const bytes = Buffer.concat(body);
  return Buffer.concat([int32(16 + bytes.length), int32(id), int32(responseTo), int32(opcode), bytes]);
}

export function encodeQuery(
  id: number,
  collection: string,
  query: { readonly [name: string]: Writable },
  flags = 0,
): Buffer {
  return encodeMessage(
    id,
    0,
    opcodes.query,
    int32(flags),
    text(collection),
    int32(0),
    int32(-1),
    encodeDocument(query),
  );
}

export function encodeReply(
  responseTo: number,
  documents: readonly { readonly [name: string]: Writable }[],
  more: { readonly flags?: number; readonly cursor?: number } = {},
): Buffer {
  const cursor = Buffer.concat([int32(more.cursor ?? 0), int32(0)]);
  const head = [int32(more.flags ?? 0), cursor, int32(0), int32(documents.length)];
  return encodeMessage(900, responseTo, opcodes.reply, ...head, ...documents.map(encodeDocument));
}

export function encodeMsg(
  id: number,
  responseTo: number,
  body: { readonly [name: string]: Writable },
  flags = 0,
): Buffer {
  return encodeMessage(id, responseTo, opcodes.message, int32(flags), Buffer.from([0]), encodeDocument(body));
}

export function encodeKillCursors(id: number, count: number): Buffer {
  return encodeMessage(id, 0, opcodes.killCursors, int32(0), int32(count), Buffer.alloc(8 * count));
}

/** OP_INSERT, or OP_GET_MORE where a cursor stands for the documents. */
export function encodeOn(id: number, opcode: number, collection: string, rest: Buffer): Buffer {
  return encodeMessage(id, 0, opcode, int32(0), text(collection), rest);
}
