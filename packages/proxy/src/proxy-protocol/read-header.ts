import { isIPv4, isIPv6 } from 'node:net';
import type { SocketAddress } from '../model/address.ts';
import { addressText } from '../model/address-bytes.ts';
import { signature1, signature2, type ProxiedEnds, type ProxyHeader, type Tlv } from './proxy-header.ts';

/** What the first bytes of a connection are. */
export type HeaderReading =
  | ProxyHeader
  /** It cannot be told before more has come. */
  | 'more'
  /** No header begins like this. */
  | 'none'
  /** A header of this version begins, and is wrong. */
  | { readonly wrong: 1 | 2 };

/** Longest line of version 1, its end included (section 2.1 of the PROXY protocol). */
const maxLineBytes = 107;
const version2HeadBytes = 16;
const addressBytes = { 1: 4, 2: 16 } as const;

/** Reads a header at the start of a connection (haproxy's proxy-protocol.txt, sections 2.1 and 2.2). */
export function readHeader(bytes: Buffer): HeaderReading {
  if (beginsWith(bytes, signature2)) {
    return bytes.length < version2HeadBytes ? 'more' : readVersion2(bytes);
  }
  if (beginsWith(bytes, signature1)) return bytes.length < signature1.length ? 'more' : readVersion1(bytes);
  return 'none';
}

/** True where the bytes are the signature, or may become it. */
function beginsWith(bytes: Buffer, signature: Buffer): boolean {
  const known = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, known, 0, known) === 0;
}

function readVersion1(bytes: Buffer): HeaderReading {
  const end = bytes.subarray(0, maxLineBytes).indexOf('\r\n');
  if (end < 0) return bytes.length >= maxLineBytes || hasBareEnd(bytes) ? { wrong: 1 } : 'more';
  const line = bytes.toString('latin1', 0, end);
  // As when it comes in pieces.
  if (/[\r\n]/.test(line)) return { wrong: 1 };
  const [, family, ...parts] = line.split(' ');
  const length = end + 2;
  // What else the line says is to be passed over.
  if (family === 'UNKNOWN') return { version: 1, ends: undefined, tlvs: [], length };
  const [source = '', destination = '', sourcePort, destinationPort, ...more] = parts;
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  const from = portOf(sourcePort);
  const to = portOf(destinationPort);
  if (isAddress === undefined || more.length > 0 || from === undefined || to === undefined)
    return { wrong: 1 };
  // A zone names an interface of the sender's.
  if (!isAddress(source) || !isAddress(destination) || `${source}${destination}`.includes('%'))
    return { wrong: 1 };
  return {
    version: 1,
    ends: { source: socket(source, from), destination: socket(destination, to) },
    tlvs: [],
    length,
  };
}

/** A line ends by CR LF; a CR before something else, and an LF alone, are in no line. */
function hasBareEnd(bytes: Buffer): boolean {
  const cr = bytes.indexOf(13);
  return bytes.includes(10) || (cr >= 0 && cr < bytes.length - 1);
}

/** A port without sign, space or leading zero. */
function portOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:0|[1-9][0-9]{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function readVersion2(bytes: Buffer): HeaderReading {
  const wrong = { wrong: 2 } as const;
  const command = bytes[12] as number;
  if (command !== 0x20 && command !== 0x21) return wrong;
  const family = (bytes[13] as number) >> 4;
  const transport = (bytes[13] as number) & 15;
  // Unix domain sockets (3) have no address that could stand for the client's.
  if (family > 2 || transport > 2) return wrong;
  const length = version2HeadBytes + bytes.readUInt16BE(14);
  if (bytes.length < length) return 'more';
  const body = bytes.subarray(version2HeadBytes, length);
  const own = { version: 2, ends: undefined, tlvs: [], length } as const;
  if (command === 0x20) return own;
  if (family === 0 || transport === 0) return own;
  const width = addressBytes[family as 1 | 2];
  const after = 2 * width + 4;
  if (body.length < after) return wrong;
  const tlvs = readTlvs(body.subarray(after));
  return tlvs === undefined ? wrong : { version: 2, ends: readEnds(body, width), tlvs, length };
}

function readEnds(body: Buffer, width: 4 | 16): ProxiedEnds {
  return {
    source: socket(ownText(body.subarray(0, width)), body.readUInt16BE(2 * width)),
    destination: socket(ownText(body.subarray(width, 2 * width)), body.readUInt16BE(2 * width + 2)),
  };
}

/** IPv4 in IPv6 as IPv4. */
function ownText(bytes: Buffer): string {
  const text = addressText(bytes);
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice(7) : text;
}

/** Undefined where a field is longer than what there is. */
function readTlvs(bytes: Buffer): readonly Tlv[] | undefined {
  const tlvs: Tlv[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 3 > bytes.length) return undefined;
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    if (end > bytes.length) return undefined;
    tlvs.push({ type: bytes[at] as number, value: Buffer.from(bytes.subarray(at + 3, end)) });
    at = end;
  }
  return tlvs;
}

function socket(address: string, port: number): SocketAddress {
  return { kind: 'socket', address, port };
}
