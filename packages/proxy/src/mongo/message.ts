import { BsonError, cString, readDocument, type BsonDocument } from './bson.ts';

/** Messages of MongoDB's wire protocol (MongoDB, "Wire Protocol"), as far as statistics need them. */
export type MongoMessage = { readonly id: number; readonly responseTo: number; readonly bytes: number } & (
  | {
      readonly kind: 'query';
      readonly flags: number;
      /** `database.collection`; a command's is `$cmd`. */
      readonly collection: string;
      readonly query: BsonDocument;
    }
  | { readonly kind: 'reply'; readonly flags: number; readonly cursor: bigint; readonly documents: number }
  | { readonly kind: 'get_more' | 'insert'; readonly collection: string }
  | { readonly kind: 'kill_cursors'; readonly cursors: number }
  | { readonly kind: 'command'; readonly database: string; readonly name: string }
  | { readonly kind: 'command_reply' }
  | { readonly kind: 'message'; readonly flags: number; readonly body: BsonDocument }
  /** Known, and not looked into: what is compressed, or longer than what is kept of a message. */
  | {
      readonly kind: 'opaque';
      readonly opcode: number;
      /** Of what is longer than what is kept of a message, where it begins with one. */
      readonly collection?: string;
    }
);

/** The numbers of messages. */
export const opcodes = {
  reply: 1,
  update: 2001,
  insert: 2002,
  query: 2004,
  getMore: 2005,
  delete: 2006,
  killCursors: 2007,
  command: 2010,
  commandReply: 2011,
  compressed: 2012,
  message: 2013,
} as const;

const known: ReadonlySet<number> = new Set(Object.values(opcodes));
export const headBytes = 16;

const withCollection: ReadonlySet<number> = new Set([opcodes.query, opcodes.insert, opcodes.getMore]);

/** Reads a whole message, or only how it begins where `whole` is false. Throws a {@link BsonError}. */
export function readMessage(bytes: Buffer, whole: boolean): MongoMessage {
  const head = {
    bytes: bytes.readInt32LE(0),
    id: bytes.readInt32LE(4),
    responseTo: bytes.readInt32LE(8),
  };
  const opcode = bytes.readInt32LE(12);
  if (!known.has(opcode)) throw new BsonError(`message ${opcode} does not exist`);
  if (!whole) {
    if (!withCollection.has(opcode)) return { ...head, kind: 'opaque', opcode };
    return { ...head, kind: 'opaque', opcode, collection: cString(bytes, headBytes + 4, bytes.length).text };
  }
  const at = headBytes;
  const need = (count: number): void => {
    if (bytes.length < at + count) throw new BsonError('a message is too short');
  };
  switch (opcode) {
    case opcodes.query: {
      need(4);
      const name = cString(bytes, at + 4, bytes.length);
      if (bytes.length < name.end + 8) throw new BsonError('a message is too short');
      const { document, end } = readDocument(bytes, name.end + 8);
      if (end < bytes.length && readDocument(bytes, end).end !== bytes.length)
        throw new BsonError('a message is longer than what it holds');
      return { ...head, kind: 'query', flags: bytes.readInt32LE(at), collection: name.text, query: document };
    }
    case opcodes.reply: {
      need(20);
      const documents = bytes.readInt32LE(at + 16);
      const flags = bytes.readInt32LE(at);
      readDocuments(bytes, at + 20, documents);
      return { ...head, kind: 'reply', flags, cursor: bytes.readBigInt64LE(at + 4), documents };
    }
    case opcodes.getMore:
    case opcodes.insert: {
      need(4);
      const { text: collection, end } = cString(bytes, at + 4, bytes.length);
      if (opcode === opcodes.insert) return { ...head, kind: 'insert', collection };
      if (bytes.length < end + 12) throw new BsonError('a message is too short');
      return { ...head, kind: 'get_more', collection };
    }
    case opcodes.killCursors: {
      need(8);
      const cursors = bytes.readInt32LE(at + 4);
      if (bytes.length !== at + 8 + 8 * cursors) throw new BsonError('cursors are missing');
      return { ...head, kind: 'kill_cursors', cursors };
    }
    case opcodes.command: {
      const database = cString(bytes, at, bytes.length);
      const name = cString(bytes, database.end, bytes.length);
      readDocuments(bytes, name.end, 2);
      return { ...head, kind: 'command', database: database.text, name: name.text };
    }
    case opcodes.commandReply:
      readDocuments(bytes, at, 2);
      return { ...head, kind: 'command_reply' };
    case opcodes.message: {
      need(5);
      const flags = bytes.readUInt32LE(at);
      return { ...head, kind: 'message', flags, body: readSections(bytes, at + 4, flags) };
    }
    default:
      return { ...head, kind: 'opaque', opcode };
  }
}

/** Throws where there are fewer documents. */
function readDocuments(bytes: Buffer, from: number, count: number): void {
  let at = from;
  for (let i = 0; i < count; i++) at = readDocument(bytes, at).end;
}

/** A checksum follows the sections. */
const checksumPresent = 1;

/** The one section of kind 0; those of kind 1 hold more documents of the same command. */
function readSections(bytes: Buffer, from: number, flags: number): BsonDocument {
  const end = bytes.length - ((flags & checksumPresent) === 0 ? 0 : 4);
  let body: BsonDocument | undefined;
  let at = from;
  while (at < end) {
    const kind = bytes[at];
    if (kind === 0) {
      if (body !== undefined) throw new BsonError('a message has two bodies');
      const read = readDocument(bytes, at + 1);
      body = read.document;
      at = read.end;
    } else if (kind === 1) {
      if (at + 5 > end) throw new BsonError('a section has no length');
      const length = bytes.readInt32LE(at + 1);
      if (length < 5) throw new BsonError('a section has no length');
      at += 1 + length;
    } else throw new BsonError(`section ${kind} does not exist`);
  }
  if (at !== end || body === undefined) throw new BsonError('sections do not fill their message');
  return body;
}
