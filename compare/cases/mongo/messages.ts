import {
  encodeDocument,
  encodeKillCursors,
  encodeMessage,
  encodeMsg,
  encodeOn,
  encodeQuery,
  encodeReply,
} from '@lateen/proxy/mongo-messages';
import type { CompareCase, Setup, Step } from '../../case.ts';
import { answers, mongoSetup, says } from './setup.ts';

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const int64 = (value: number): Buffer => Buffer.concat([int32(value), int32(0)]);
const comment = (text: string): object => ({ $comment: text }) as const;
const callsite = comment('{"callingFunction": "f.g"}');
const opcode = { getMore: 2005, insert: 2002, update: 2001, delete: 2006, command: 2010, commandReply: 2011 };
const field = (type: number, name: string, value: Buffer | string): Buffer => {
  const body = Buffer.concat([
    Buffer.from([type]),
    Buffer.from(`${name}\0`),
    Buffer.from(value as string, 'latin1'),
  ]);
  return Buffer.concat([int32(body.length + 5), body, Buffer.from([0])]);
};
const queryOf = (document: Buffer, collection = 'db.a'): Buffer =>
  encodeMessage(1, 0, 2004, int32(0), Buffer.from(`${collection}\0`), int32(0), int32(-1), document);
/** Bytes by their hexadecimal digits. */
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

type Query = Parameters<typeof encodeQuery>[2];
const asks = (what: string, collection: string, query: object, flags = 0, more: Partial<CompareCase> = {}) =>
  says(what, [encodeQuery(1, collection, query as Query, flags)], more);

const queries: readonly CompareCase[] = [
  asks('all', 'db.a', { x: 'y' }),
  asks('by an id', 'db.a', { _id: 'y' }),
  asks('by ids', 'db.a', { _id: { $in: ['a', 'b'] } }),
  asks('by another condition of the id', 'db.a', { _id: { $gt: 'a' } }),
  asks('by an array', 'db.a', { _id: ['a'] }),
  asks('in $query', 'db.a', { $query: { _id: 'y' }, $orderby: { a: 1 } }),
  asks('in $query, ids', 'db.a', { $query: { _id: { $in: [] } } }),
  asks('beside $query', 'db.a', { $query: { a: 1 }, _id: 'a' }),
  asks('$query is no document', 'db.a', { $query: 'x' }),
  asks('with a time', 'db.a', { $query: {}, $maxTimeMS: 5n }),
  asks('with a time of 0', 'db.a', { $query: {}, $maxTimeMS: 0n }),
  asks('with a time of a float', 'db.a', { $query: {}, $maxTimeMS: 5 }),
  asks('with a time of the new name', 'db.a', { maxTimeMS: 5n }),
  asks('with a call site', 'db.a', { ...callsite, x: 'y' }),
  asks('with a call site and ids', 'db.a', { ...callsite, _id: [] }),
  asks('with a call site in $query', 'db.a', { $query: callsite }),
  ...[
    'no JSON',
    '{"callingFunction": 5}',
    '{"other": "f"}',
    '{"callingFunction": ""}',
    '{"callingFunction": "a b:c|d"}',
    '{"callingFunction": "a.b"}',
    ' {"callingFunction": "blank"}',
    '[]',
  ].map((text) => asks(`comment ${text}`, 'db.a', comment(text))),
  ...[2, 16, 32, 64, 114, 255].map((flags) => asks(`flags ${flags}`, 'db.a', { x: 'y' }, flags)),
  ...['db.a.b', 'db.', '.a', 'db', '', 'db.a b', 'db.a:b', 'db..a', 'db.\u00e4', 'db.$a'].map((name) =>
    asks(`collection "${name}"`, name, { x: 'y' }),
  ),
  ...['insert', 'update', 'delete', 'ping', 'collstats', 'isMaster', 'ismaster', 'Insert', ''].map((name) =>
    asks(`command ${name}`, 'db.$cmd', { [name]: 'a' }),
  ),
  asks('a command in $query', 'db.$cmd', { $query: { insert: 'a' } }),
  asks('a command elsewhere', 'db.$cmd.sys.inprog', { insert: 'a' }),
  asks('a command without a database', '$cmd', { insert: 'a' }),
  asks('an empty command', 'db.$cmd', {}),
  asks('find', 'db.$cmd', { find: 'a', filter: { _id: 'b' } }),
  asks('find by ids', 'db.$cmd', { find: 'a', filter: { _id: ['b'] } }),
  asks('find all', 'db.$cmd', { find: 'a', filter: { x: 'b' } }),
  asks('find without a filter', 'db.$cmd', { find: 'a' }),
  asks('find with a time', 'db.$cmd', { find: 'a', maxTimeMS: 5n }),
  asks('find with a call site', 'db.$cmd', { find: 'a', comment: '{"callingFunction": "g"}' }),
  asks('find of a number', 'db.$cmd', { find: 5 }),
  asks('find of nothing', 'db.$cmd', { find: '' }),
  says('fields', [
    encodeMessage(
      1,
      0,
      2004,
      int32(0),
      Buffer.from('db.a\0'),
      int32(1),
      int32(2),
      encodeDocument({ a: 1 }),
      encodeDocument({ b: 1 }),
    ),
  ]),
];

const others: readonly CompareCase[] = [
  says('get more', [encodeOn(1, opcode.getMore, 'db.a', Buffer.concat([int32(1), int64(7)]))]),
  says('insert', [encodeOn(1, opcode.insert, 'db.a', encodeDocument({ a: 'b' }))]),
  says('insert two', [
    encodeOn(1, opcode.insert, 'db.a', Buffer.concat([encodeDocument({ a: 1 }), encodeDocument({ a: 2 })])),
  ]),
  says('insert nothing', [encodeOn(1, opcode.insert, 'db.a', Buffer.alloc(0))]),
  says('kill cursors', [encodeKillCursors(1, 3)]),
  says('command', [
    encodeMessage(
      1,
      0,
      opcode.command,
      Buffer.from('db\0ping\0'),
      encodeDocument({}),
      encodeDocument({ a: 1 }),
    ),
  ]),
  says('command, with documents', [
    encodeMessage(
      1,
      0,
      opcode.command,
      Buffer.from('db\0ping\0'),
      ...[{}, { a: 1 }, { b: 1 }].map((one) => encodeDocument(one)),
    ),
  ]),
  says('command without documents', [encodeMessage(1, 0, opcode.command, Buffer.from('db\0ping\0'))]),
  says('a command reply of a client', [
    encodeMessage(1, 0, opcode.commandReply, encodeDocument({}), encodeDocument({})),
  ]),
  says('a reply of a client', [encodeReply(1, [{ a: 1 }])]),
  says('update', [
    encodeOn(1, opcode.update, 'db.a', Buffer.concat([int32(0), encodeDocument({}), encodeDocument({})])),
  ]),
  says('delete', [encodeOn(1, opcode.delete, 'db.a', Buffer.concat([int32(0), encodeDocument({})]))]),
  says('message of today', [encodeMsg(1, 0, { find: 'a', $db: 'db' })]),
  says('compressed', [encodeMessage(1, 0, 2012, Buffer.alloc(9))]),
  says('twice the same id', [encodeQuery(1, 'db.a', {}), encodeQuery(1, 'db.a', {})], {
    ...answers({ until: 'db.a' }, encodeReply(1, [{}])),
  }),
];

const wanted = encodeQuery(1, 'db.a', { x: 'y' });
const conversation = (what: string, query: Buffer, ...send: readonly Step[]): CompareCase =>
  says(what, [query, { waitMs: 150 }], answers({ until: 'db.' }, ...send));
const replies: readonly CompareCase[] = [
  conversation('answered', wanted, encodeReply(1, [{ a: 1 }, { b: 2 }])),
  conversation('answered to another', wanted, encodeReply(2, [{ a: 1 }])),
  conversation('answered twice', wanted, encodeReply(1, [{ a: 1 }]), encodeReply(1, [{ a: 1 }])),
  ...[1, 2, 3, 8].map((flags) => conversation(`flags ${flags}`, wanted, encodeReply(1, [], { flags }))),
  conversation('with a cursor', wanted, encodeReply(1, [], { cursor: 7 })),
  conversation('command', encodeQuery(1, 'db.$cmd', { insert: 'a' }), encodeReply(1, [{ ok: 1 }])),
  conversation(
    'command that is not known',
    encodeQuery(1, 'db.$cmd', { nope: 'a' }),
    encodeReply(1, [{ ok: 1 }]),
  ),
  conversation('call site', encodeQuery(1, 'db.a', callsite as Query), encodeReply(1, [{ ok: 1 }])),
  conversation(
    'command reply',
    wanted,
    encodeMessage(1, 1, opcode.commandReply, encodeDocument({}), encodeDocument({ ok: 1 })),
  ),
  conversation(
    'fewer documents than said',
    wanted,
    encodeMessage(9, 1, 1, int32(0), int64(0), int32(0), int32(2), encodeDocument({})),
  ),
  conversation(
    'more documents than said',
    wanted,
    encodeMessage(9, 1, 1, int32(0), int64(0), int32(0), int32(0), encodeDocument({})),
  ),
  conversation(
    'a negative number of documents',
    wanted,
    encodeMessage(9, 1, 1, int32(0), int64(0), int32(0), int32(-1)),
  ),
  conversation('a broken reply', wanted, hex('10000000010000000100000001000000'), encodeReply(1, [])),
  conversation('a query from a server', wanted, encodeQuery(1, 'db.b', {})),
  conversation('garbage from a server', wanted, 'HTTP/1.1 200 OK\r\n\r\n', encodeReply(1, [])),
  conversation('the server ends', wanted, { end: true }),
  conversation('the server resets', wanted, { reset: true }),
  conversation('answered, and the server ends', wanted, encodeReply(1, []), { end: true }),
  says('the client ends', [wanted, { end: true }]),
  says(
    'the client ends, and is answered',
    [wanted, { end: true }],
    answers({ until: 'db.' }, { waitMs: 50 }, encodeReply(1, []), { end: true }),
  ),
  says('the client resets', [wanted, { waitMs: 50 }, { reset: true }]),
  says('the client goes in a message', [wanted.subarray(0, 30), { end: true }]),
];

const long = (bytes: number): Buffer => encodeQuery(1, 'db.a', { x: 'y'.repeat(bytes) });
const pieces = (bytes: Buffer, size: number): Step[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => [
    bytes.subarray(i * size, (i + 1) * size),
    { waitMs: 4 },
  ]).flat();

const broken: readonly CompareCase[] = [
  says('in pieces of a byte', pieces(wanted, 1)),
  says('in pieces of 7, two', pieces(Buffer.concat([wanted, encodeQuery(2, 'db.b', {})]), 7)),
  says('HTTP', ['GET / HTTP/1.1\r\nhost: a\r\n\r\n']),
  says('good, bad, good', [
    wanted,
    { waitMs: 50 },
    hex('10000000010000000000000001020304'),
    { waitMs: 50 },
    wanted,
  ]),
  says('good and bad at once', [Buffer.concat([wanted, hex('10000000010000000000000001020304'), wanted])]),
  ...[0, 4, 15, 16, -1, -2147483648].map((length) =>
    says(`a length of ${length}`, [Buffer.concat([int32(length), wanted.subarray(4)])]),
  ),
  ...[0x02000000, 0x7fffffff].map((length) =>
    says(`a length of ${length}`, [
      Buffer.concat([int32(length), wanted.subarray(4)]),
      { waitMs: 50 },
      wanted,
    ]),
  ),
  says('a length that is one too few', [Buffer.concat([int32(wanted.length - 1), wanted.subarray(4)])]),
  says('a length that is one too many', [
    Buffer.concat([int32(wanted.length + 1), wanted.subarray(4)]),
    { waitMs: 50 },
    wanted,
  ]),
  says('long', [long(200_000)]),
  says('longer', [long(300_000)]),
  says('longer, and another', [long(300_000), encodeQuery(2, 'db.b', {})]),
  says('without a document', [
    encodeMessage(1, 0, 2004, int32(0), Buffer.from('db.a\0'), int32(0), int32(0)),
  ]),
  says('without an end of the name', [encodeMessage(1, 0, 2004, int32(0), Buffer.from('db.a'))]),
  says('with two documents too many', [
    encodeMessage(
      1,
      0,
      2004,
      int32(0),
      Buffer.from('db.a\0'),
      int32(0),
      int32(0),
      ...[{}, {}, {}].map((one) => encodeDocument(one)),
    ),
  ]),
  says('a document of a negative length', [queryOf(hex('ffffffff00'))]),
  says('a document that is too long', [queryOf(hex('ff00000000'))]),
  says('a document of length 4', [queryOf(hex('0400000000'))]),
  says('a document of length 0', [queryOf(hex('0000000000'))]),
  says('a document without an end', [queryOf(hex('0500000001'))]),
  says('deep', [
    queryOf(Array.from({ length: 60 }).reduce<Buffer>((inner) => field(3, 'a', inner), encodeDocument({}))),
  ]),
  says('too deep', [
    queryOf(Array.from({ length: 3000 }).reduce<Buffer>((inner) => field(3, 'a', inner), encodeDocument({}))),
  ]),
  ...(
    [
      ['a double', 1, Buffer.alloc(8)],
      ['a string', 2, hex('02000000 6100'.replace(' ', ''))],
      ['a string without a NUL', 2, hex('020000006161')],
      ['a string with a NUL', 2, hex('03000000610000')],
      ['a string of length 0', 2, hex('00000000')],
      ['a string of a negative length', 2, hex('ffffffff00')],
      ['a string that is too long', 2, hex('ff00000000')],
      ['bytes', 5, hex('0200000000aabb')],
      ['bytes of a negative length', 5, hex('ffffffff00')],
      ['undefined', 6, ''],
      ['an id', 7, Buffer.alloc(12)],
      ['a boolean', 8, '\x01'],
      ['a boolean of 2', 8, '\x02'],
      ['a date', 9, Buffer.alloc(8)],
      ['null', 10, ''],
      ['a pattern', 11, 'a\0i\0'],
      ['a reference', 12, Buffer.concat([hex('020000006100'), Buffer.alloc(12)])],
      ['code', 13, hex('020000006100')],
      ['a symbol', 14, hex('020000006100')],
      ['code with a scope', 15, Buffer.concat([int32(15), hex('020000006100'), encodeDocument({})])],
      ['an integer', 16, Buffer.alloc(4)],
      ['a timestamp', 17, Buffer.alloc(8)],
      ['a long integer', 18, Buffer.alloc(8)],
      ['a decimal', 19, Buffer.alloc(16)],
      ['the least', 255, ''],
      ['the most', 127, ''],
      ['an unknown type', 42, ''],
    ] as const
  ).map(([what, type, value]) => says(`holds ${what}`, [queryOf(field(type, 'f', value))])),
];

const delay = { fixed_delay: '0.2s', percentage: { numerator: 100 } };

/** What is counted, of what comes whole and of what does not. */
export const messages: readonly Setup[] = [
  mongoSetup('queries', {}, queries),
  mongoSetup(
    'commands',
    { commands: ['ping', 'isMaster', 'collStats', 'collstats'] },
    ['ping', 'insert', 'collstats', 'collStats', 'ismaster', 'isMaster'].map((name) =>
      asks(`command ${name}`, 'db.$cmd', { [name]: 'a' }),
    ),
  ),
  mongoSetup('others', {}, others),
  mongoSetup('replies', {}, replies),
  mongoSetup('broken', {}, broken),
  mongoSetup('logged', { access_log: '{{log}}' }, [
    asks('a query', 'db.a', { x: 'y' }),
    conversation('an answer', wanted, encodeReply(1, [{ a: 1 }])),
    asks('quotes', 'db.a"', { 'a"': '"\\', b: { c: [1, true, null] } }),
  ]),
  mongoSetup('delayed', { delay }, [
    says('a query', [wanted], { quietMs: 500 }),
    says('insert', [encodeOn(1, opcode.insert, 'db.a', encodeDocument({ a: 'b' }))], { quietMs: 500 }),
    says('of today', [encodeMsg(1, 0, { find: 'a', $db: 'db' })], { quietMs: 500 }),
    says('two at once', [Buffer.concat([wanted, encodeQuery(2, 'db.b', {})])], { quietMs: 500 }),
    says('the client ends at once', [wanted, { end: true }], { quietMs: 700 }),
    says('the client goes at once', [wanted, { close: true }], { quietMs: 700 }),
    says('the client resets at once', [wanted, { waitMs: 20 }, { reset: true }], { quietMs: 700 }),
    says('half a message', [wanted.subarray(0, 20)], { quietMs: 500 }),
    says('garbage', ['GET / HTTP/1.1\r\n\r\n'], { quietMs: 500 }),
    says('a command reply', [{ waitMs: 20 }], {
      ...answers(encodeMessage(1, 0, opcode.commandReply, encodeDocument({}), encodeDocument({}))),
      quietMs: 500,
    }),
  ]),
  mongoSetup('not delayed', { delay: { fixed_delay: '0.2s', percentage: {} } }, [says('a query', [wanted])]),
];
