import { der, explicit, octetString, oid, sequence, unsignedInteger } from '@lateen/core/der';
import { readOcspResponse } from '../../tls/ocsp-response.ts';
import { inspect } from '../../listener/inspection.ts';
import type { ProxyHeader } from '../../proxy-protocol/proxy-header.ts';
import { readHeader } from '../../proxy-protocol/read-header.ts';
import { encodeVersion1, encodeVersion2 } from '../../proxy-protocol/write-header.ts';
import { must, same, type FuzzTarget } from '../target.ts';

/** A ClientHello with these extensions. */
function clientHello(...extensions: readonly Buffer[]): Buffer {
  const sized = (bytes: Buffer, width: 1 | 2 | 3): Buffer => {
    const length = Buffer.alloc(width);
    length.writeUIntBE(bytes.length, 0, width);
    return Buffer.concat([length, bytes]);
  };
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    sized(Buffer.alloc(0), 1),
    sized(Buffer.from([0x13, 1]), 2),
    sized(Buffer.from([0]), 1),
    sized(Buffer.concat([...extensions]), 2),
  ]);
  const message = Buffer.concat([Buffer.from([1]), sized(body, 3)]);
  return Buffer.concat([Buffer.from([22, 3, 1]), sized(message, 2)]);
}

const serverName = Buffer.from('0000000e000c0000096c6f63616c686f7374', 'hex');
const alpn = Buffer.from('0010000e000c02683208687474702f312e31', 'hex');

/** An OCSP response of success. */
function ocspResponse(...next: readonly Buffer[]): Buffer {
  const hash = sequence(oid('1.3.14.3.2.26'));
  const id = sequence(
    hash,
    octetString(Buffer.alloc(20)),
    octetString(Buffer.alloc(20)),
    unsignedInteger(Buffer.from([9])),
  );
  const one = sequence(id, der(0x80), generalized('20260101000000Z'), ...next);
  const data = sequence(
    explicit(2, octetString(Buffer.alloc(20))),
    generalized('20260101000000Z'),
    sequence(one),
  );
  const answer = sequence(oid('1.3.6.1.5.5.7.48.1.1'), octetString(sequence(data)));
  return sequence(der(0x0a, Buffer.from([0])), explicit(0, answer));
}

const generalized = (text: string): Buffer => der(0x18, Buffer.from(text));

const clientEnds = {
  source: { kind: 'socket', address: '192.0.2.1', port: 1234 },
  destination: { kind: 'socket', address: '198.51.100.2', port: 80 },
} as const;
const clientEnds6 = {
  source: { kind: 'socket', address: '2001:db8::1', port: 1234 },
  destination: { kind: 'socket', address: '2001:db8::2', port: 80 },
} as const;

export const wireTargets: readonly FuzzTarget[] = [
  {
    name: 'proxy-header',
    seeds: [
      encodeVersion1(clientEnds),
      encodeVersion1(clientEnds6),
      Buffer.from('PROXY UNKNOWN ffff::1\r\nGET / HTTP/1.1\r\n'),
      encodeVersion2(clientEnds, [{ type: 1, value: Buffer.from('h2') }]),
      encodeVersion2(clientEnds6),
      encodeVersion2(undefined),
    ],
    words: [
      'PROXY ',
      'TCP4 ',
      'TCP6 ',
      'UNKNOWN',
      '\r\n',
      '\r\n\r\n\0\r\nQUIT\n',
      '::ffff:',
      '%eth0',
      '\x21\x11',
      '65536',
    ],
    run(input) {
      const reading = readHeader(input);
      // What was decided after some bytes stays decided.
      const part = readHeader(input.subarray(0, input.length >> 1));
      if (part !== 'more') same(part, reading, 'more bytes change a verdict');
      if (typeof reading === 'string' || 'wrong' in reading) return;
      must(reading.length <= input.length, 'a header is longer than what came');
      same(readHeader(input.subarray(0, reading.length - 1)), 'more', 'a header ends before its end');
      if (reading.ends === undefined) return;
      const again = readHeader(encodeVersion2(reading.ends, reading.tlvs)) as ProxyHeader;
      const { source, destination } = reading.ends;
      same(
        [again.ends?.source.port, again.ends?.destination.port],
        [source.port, destination.port],
        'other ports',
      );
      // A line may write an IPv6 address in several ways.
      if (reading.version === 2) same(again.ends, reading.ends, 'what is sent on names other ends');
      same(again.tlvs, reading.tlvs, 'what is sent on has other fields');
    },
  },
  {
    name: 'first-bytes',
    seeds: [
      clientHello(serverName, alpn),
      clientHello(),
      clientHello(alpn).subarray(0, 60),
      Buffer.from('GET / HTTP/1.1\r\n'),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('SSH-2.0-x\r\n'),
    ],
    words: ['\x16\x03\x01', '\x00\x10', '\x00\x00', '\xff\xff', '\x02h2', 'HTTP/1.1\r\n', ' ', '\n'],
    run(input) {
      for (const wish of [
        { tls: true, http: false },
        { tls: false, http: true },
        { tls: true, http: true },
      ]) {
        const whole = inspect(input, wish);
        if (whole !== undefined) {
          must(
            typeof whole.serverName === 'string' && Array.isArray(whole.applicationProtocols),
            'no answer',
          );
        }
        // What was decided after some bytes stays decided.
        const part = inspect(input.subarray(0, input.length >> 1), wish);
        if (part !== undefined) same(part, whole, 'more bytes change a verdict');
      }
    },
  },
  {
    name: 'ocsp-response',
    seeds: [
      ocspResponse(),
      ocspResponse(explicit(0, generalized('20260101010000Z'))),
      sequence(der(0x0a, Buffer.from([6]))),
    ],
    words: ['\x30\x80', '\x02\x00', '\xa0\x00', '20260101000000Z'],
    run(input) {
      const read = readOcspResponse(input);
      must(
        !read.ok || (read.value.serialNumber >= 0n && !Number.isNaN(read.value.validUntilMs)),
        'no answer',
      );
    },
  },
];
