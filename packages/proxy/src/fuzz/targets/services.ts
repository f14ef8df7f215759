import { BsonError, toJson } from '../../mongo/bson.ts';
import type { MongoMessage } from '../../mongo/message.ts';
import { MessageReader } from '../../mongo/message-reader.ts';
import { ReplyReader, RequestReader, RespError } from '../../redis/resp-reader.ts';
import { encodeRequest } from '../../redis/resp-writer.ts';
import { valueOf } from '../../redis/reply-value.ts';
import { cuttable, cutOf, must, same, type FuzzTarget } from '../target.ts';

interface Reader {
  push(buffer: Buffer, start: number, end: number): void;
}

/** What a reader says of bytes that come in these pieces, and whether it refused them at last. */
function readPieces<T>(
  pieces: readonly Buffer[],
  create: (take: (item: T) => void) => Reader,
  refusal: new (...args: never[]) => Error,
): { readonly items: readonly T[]; readonly refused: boolean } {
  const items: T[] = [];
  const reader = create((item) => void items.push(item));
  try {
    for (const piece of pieces) reader.push(piece, 0, piece.length);
  } catch (error) {
    if (!(error instanceof refusal)) throw error;
    return { items, refused: true };
  }
  return { items, refused: false };
}

/** Reads in one piece and in two, which must come to the same. */
function readBothWays<T>(
  input: Buffer,
  create: (take: (item: T) => void) => Reader,
  refusal: new (...args: never[]) => Error,
  shown: (item: T) => unknown = (item) => item,
): readonly T[] {
  const { bytes, cut } = cutOf(input);
  const whole = readPieces([bytes], create, refusal);
  const two = readPieces([bytes.subarray(0, cut), bytes.subarray(cut)], create, refusal);
  same(
    [whole.items.map(shown), whole.refused],
    [two.items.map(shown), two.refused],
    'pieces change the answer',
  );
  return whole.items;
}

const hexOf = (bytes: Buffer | undefined): string | undefined => bytes?.toString('hex');

/** A message of MongoDB with its head. */
function mongoMessage(opcode: number, ...body: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(16);
  head.writeInt32LE(16 + body.reduce((sum, { length }) => sum + length, 0), 0);
  head.writeInt32LE(7, 4);
  head.writeInt32LE(opcode, 12);
  return Buffer.concat([head, ...body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function document(...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat([...fields, Buffer.alloc(1)]);
  return Buffer.concat([int32(4 + body.length), body]);
}

const field = (type: number, name: string, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`), value]);

const text = (value: string): Buffer =>
  Buffer.concat([int32(Buffer.byteLength(value) + 1), Buffer.from(`${value}\0`)]);

const find = document(
  field(2, 'find', text('ratings')),
  field(3, 'filter', document(field(1, '_id', Buffer.alloc(8)), field(8, 'x', Buffer.from([1])))),
  field(4, 'in', document(field(0x12, '0', Buffer.alloc(8)), field(0x0a, '1', Buffer.alloc(0)))),
);

/** Where the bytes of an input are cut into two is said by its first one. */
const halved = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0x80]), bytes]);

export const serviceTargets: readonly FuzzTarget[] = [
  {
    name: 'redis-request',
    seeds: cuttable([
      '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n',
      '*1\r\n$4\r\nPING\r\n*0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n',
      '*-1\r\n*1\r\n$4\r\nQUIT\r\n',
    ]),
    words: ['*', '$', '\r\n', '-1', '0', '1048577', '536870913', '$3\r\nGET\r\n'],
    run(input) {
      const requests = readBothWays<readonly Buffer[] | undefined>(
        input,
        (take) => new RequestReader(take),
        RespError,
        (request) => request?.map(hexOf),
      );
      for (const request of requests) {
        if (request === undefined) continue;
        const again = readPieces<readonly Buffer[] | undefined>(
          [encodeRequest(request)],
          (take) => new RequestReader(take),
          RespError,
        );
        same(again.items[0]?.map(hexOf), request.map(hexOf), 'what is sent on is another request');
      }
    },
  },
  {
    name: 'redis-reply',
    seeds: cuttable([
      '+OK\r\n-ERR no\r\n:12\r\n',
      '$3\r\nabc\r\n$-1\r\n$0\r\n\r\n',
      '*2\r\n*1\r\n:1\r\n$1\r\na\r\n*-1\r\n*0\r\n',
    ]),
    words: ['*', '$', '+', '-', ':', '\r\n', '-1', '*1\r\n', '$1\r\na\r\n'],
    run(input) {
      const replies = readBothWays<Buffer>(input, (take) => new ReplyReader(take), RespError, hexOf);
      const { bytes } = cutOf(input);
      const sum = Buffer.concat([...replies]);
      must(bytes.subarray(0, sum.length).equals(sum), 'an answer is not what came');
      for (const reply of replies) valueOf(reply);
    },
  },
  {
    name: 'mongo-message',
    seeds: [
      mongoMessage(2013, int32(0), Buffer.from([0]), find),
      mongoMessage(2004, int32(0), Buffer.from('db.ratings\0'), int32(0), int32(1), find),
      mongoMessage(1, int32(8), Buffer.alloc(8), int32(0), int32(1), find),
      mongoMessage(2010, Buffer.from('db\0find\0'), find, find),
      mongoMessage(2005, int32(0), Buffer.from('db.c\0'), int32(0), Buffer.alloc(8)),
    ].map(halved),
    words: [
      '\x00',
      '\xff\xff\xff\xff',
      '\x00\x00\x00\x80',
      '\x03a\x00',
      '\x0f',
      '$query\x00',
      '\x05\x00\x00\x00\x00',
    ],
    run(input) {
      const messages = readBothWays<MongoMessage>(
        input,
        (take) => new MessageReader(take),
        BsonError,
        (message) => [message.kind, message.id, message.bytes],
      );
      for (const message of messages) {
        if (message.kind === 'message') JSON.stringify(toJson(message.body));
        if (message.kind === 'query') JSON.stringify(toJson(message.query));
      }
    },
  },
];
