import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { signature2, type ProxyHeader } from './proxy-header.ts';
import { readHeader } from './read-header.ts';
import { encodeVersion1, encodeVersion2 } from './write-header.ts';

const socket = (address: string, port: number) => ({ kind: 'socket', address, port }) as const;
const port = fc.integer({ min: 0, max: 65_535 });
const ipv4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'));
/** A first group that is not zero: not IPv4 in IPv6. */
const ipv6 = fc
  .tuple(
    fc.integer({ min: 1, max: 65_535 }),
    fc.array(fc.oneof(fc.constant(0), fc.nat(65_535)), { minLength: 7, maxLength: 7 }),
  )
  .map(([first, rest]) => new URL(`http://[${[first, ...rest].map((one) => one.toString(16)).join(':')}]`))
  .map(({ hostname }) => hostname.slice(1, -1));
const ends = fc
  .tuple(fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6)), port, port)
  .map(([[from, to], a, b]) => ({ source: socket(from, a), destination: socket(to, b) }));
const tlvs = fc.array(
  fc.record(
    {
      type: fc.nat(255),
      value: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 4 },
);

function read(bytes: Buffer): ProxyHeader {
  const reading = readHeader(bytes);
  assert.ok(typeof reading === 'object' && 'version' in reading, JSON.stringify(reading));
  return reading;
}

test('what is written in either version is read again, whatever follows and whatever pieces it comes in', () => {
  fc.assert(
    fc.property(ends, tlvs, fc.uint8Array({ maxLength: 20 }), (both, fields, rest) => {
      for (const version of [1, 2] as const) {
        const header = version === 1 ? encodeVersion1(both) : encodeVersion2(both, fields);
        assert.deepEqual(read(Buffer.concat([header, rest])), {
          version,
          ends: both,
          tlvs: version === 1 ? [] : fields,
          length: header.length,
        });
        for (let cut = 0; cut < header.length; cut++)
          assert.equal(readHeader(header.subarray(0, cut)), 'more', `${version} after ${cut} bytes`);
      }
    }),
    { numRuns: 50 },
  );
});

test('no bytes make the reader fail, and what it accepts was all there', () => {
  const beginnings = fc.constantFrom(
    signature2,
    Buffer.from('PROXY TCP4 '),
    Buffer.from('PROXY '),
    Buffer.alloc(0),
  );
  fc.assert(
    fc.property(beginnings, fc.uint8Array({ maxLength: 150 }), (beginning, rest) => {
      const bytes = Buffer.concat([beginning, rest]);
      const reading = readHeader(bytes);
      if (typeof reading === 'object' && 'version' in reading) assert.ok(reading.length <= bytes.length);
    }),
    { numRuns: 2_000 },
  );
});

test('a line that is not exactly as the protocol has it is refused', () => {
  const lines = [
    'PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n',
    'PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n',
    'PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n',
    'PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n',
    'PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n',
    'PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n',
    'PROXY TCP4 1.2.3.4 ::1 1 2\r\n',
    'PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n',
    'PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n',
    'PROXY TCP6 fe80::1%lo ::1 1 2\r\n',
    'PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n',
    'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n',
    'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r ',
    `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`,
    'PROXY UNKNOWN a\nb\r\n',
    'PROXY UNKNOWN\r\r\n',
  ];
  for (const line of lines) assert.deepEqual(readHeader(Buffer.from(line)), { wrong: 1 }, line);
  for (const other of ['GET / HTTP/1.1\r\n', 'PROXYTCP4', '\r\nPROXY'])
    assert.equal(readHeader(Buffer.from(other)), 'none', other);
});

test('a header of version 2 with another version, command, family or too short a body is refused', () => {
  const good = encodeVersion2({ source: socket('1.2.3.4', 1), destination: socket('5.6.7.8', 2) });
  const changed = (at: number, value: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes[at] = value;
    return bytes;
  };
  for (const bytes of [
    changed(12, 0x11),
    changed(12, 0x22),
    changed(13, 0x31),
    changed(13, 0x14),
    changed(15, 8),
  ])
    assert.deepEqual(readHeader(bytes), { wrong: 2 });
  const fields = encodeVersion2({ source: socket('1.2.3.4', 1), destination: socket('5.6.7.8', 2) }, [
    { type: 5, value: Buffer.from('abc') },
  ]);
  fields[30] = 9;
  assert.deepEqual(readHeader(fields), { wrong: 2 });
});

test('who speaks for itself has no ends: UNKNOWN, LOCAL and an address family that is not given', () => {
  assert.equal(read(Buffer.from('PROXY UNKNOWN\r\n')).ends, undefined);
  assert.equal(read(Buffer.from('PROXY UNKNOWN ffff::1 ::2 1 2\r\n')).length, 31);
  const local = encodeVersion2(undefined);
  assert.deepEqual(read(local), { version: 2, ends: undefined, tlvs: [], length: 16 });
  local[12] = 0x21;
  assert.equal(read(local).ends, undefined);
});

test('ends of two families are UNKNOWN in version 1 and both IPv6 in version 2', () => {
  const mixed = { source: socket('1.2.3.4', 1), destination: socket('::1', 2) };
  assert.equal(encodeVersion1(mixed).toString(), 'PROXY UNKNOWN\r\n');
  assert.deepEqual(read(encodeVersion2(mixed)).ends, mixed);
});

test('ends of a Unix socket, which have no address, are UNKNOWN in version 1 and LOCAL in version 2', () => {
  const nowhere = socket('', 0);
  for (const unix of [
    { source: nowhere, destination: nowhere },
    { source: nowhere, destination: socket('1.2.3.4', 1) },
    { source: socket('::1', 1), destination: nowhere },
  ]) {
    assert.equal(encodeVersion1(unix).toString(), 'PROXY UNKNOWN\r\n');
    assert.deepEqual(
      encodeVersion2(unix, [{ type: 1, value: Buffer.from('h2') }]),
      encodeVersion2(undefined),
    );
    assert.equal(read(encodeVersion2(unix)).ends, undefined);
  }
});
