import { createHash } from 'node:crypto';

/** What fingerprints are made of, of a ClientHello (RFC 8446 section 4.1.2), without the values of GREASE (RFC 8701). */
export interface ClientHello {
  readonly version: number;
  readonly ciphers: readonly number[];
  /** Types in their order. */
  readonly extensions: readonly number[];
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
  readonly groups: readonly number[];
  readonly pointFormats: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  readonly supportedVersions: readonly number[];
}

const extension = {
  serverName: 0,
  groups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  alpn: 16,
  supportedVersions: 43,
} as const;

/** True for `0x0a0a`, `0x1a1a` and so on. */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}

/** Numbers of two bytes in `bytes[start, end)`. */
function readNumbers(bytes: Buffer, start: number, end: number): number[] {
  const found: number[] = [];
  for (let at = start; at + 2 <= end; at += 2) {
    const value = bytes.readUInt16BE(at);
    if (!isGrease(value)) found.push(value);
  }
  return found;
}

function noNumbers(): number[] {
  return [];
}

function readAlpn(content: Buffer): string[] {
  const names: string[] = [];
  for (let at = 2; at < content.length; ) {
    const length = content.readUInt8(at);
    names.push(content.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return names;
}

const hostName = 0;
const maxServerName = 255;

/**
 * One host name, and nothing besides (RFC 6066 section 3): what readers of TLS would not agree on is nobody's. Throws
 * where it is another thing.
 */
function readServerName(content: Buffer): string {
  const length = content.length - 5;
  const isOne =
    content.readUInt16BE(0) === length + 3 && content[2] === hostName && content.readUInt16BE(3) === length;
  if (!isOne || length < 1 || length > maxServerName || content.includes(0, 5))
    throw new Error('the server name is none');
  return content.toString('latin1', 5).toLowerCase();
}

/**
 * Reads a handshake message that is whole; throws where it is none. `forFingerprints`: also what only they are made of;
 * else those lists are empty.
 */
export function readClientHello(message: Buffer, forFingerprints: boolean): ClientHello {
  const numbers = forFingerprints ? readNumbers : noNumbers;
  let at = 4;
  const version = message.readUInt16BE(at);
  at += 2 + 32;
  at += 1 + message.readUInt8(at);
  const ciphersEnd = at + 2 + message.readUInt16BE(at);
  const ciphers = numbers(message, at + 2, ciphersEnd);
  at = ciphersEnd;
  at += 1 + message.readUInt8(at);
  const extensions: number[] = [];
  let serverName = '';
  let applicationProtocols: string[] = [];
  let groups: number[] = [];
  let pointFormats: number[] = [];
  let signatureAlgorithms: number[] = [];
  let supportedVersions: number[] = [];
  const end = at < message.length ? at + 2 + message.readUInt16BE(at) : at;
  at += 2;
  while (at + 4 <= end) {
    const type = message.readUInt16BE(at);
    const content = message.subarray(at + 4, at + 4 + message.readUInt16BE(at + 2));
    at += 4 + content.length;
    if (forFingerprints && !isGrease(type)) extensions.push(type);
    switch (type) {
      case extension.serverName:
        if (serverName !== '') throw new Error('there are two lists of server names');
        serverName = readServerName(content);
        break;
      case extension.alpn:
        applicationProtocols = readAlpn(content);
        break;
      case extension.groups:
        groups = numbers(content, 2, content.length);
        break;
      case extension.pointFormats:
        if (forFingerprints) pointFormats = [...content.subarray(1)];
        break;
      case extension.signatureAlgorithms:
        signatureAlgorithms = numbers(content, 2, content.length);
        break;
      case extension.supportedVersions:
        supportedVersions = numbers(content, 1, content.length);
        break;
      default:
    }
  }
  return {
    version,
    ciphers,
    extensions,
    serverName,
    applicationProtocols,
    groups,
    pointFormats,
    signatureAlgorithms,
    supportedVersions,
  };
}

/** JA3: five lists of numbers in the order of the message, as MD5 in hexadecimal. */
export function ja3Of({ version, ciphers, extensions, groups, pointFormats }: ClientHello): string {
  const text = [[version], ciphers, extensions, groups, pointFormats].map((list) => list.join('-')).join(',');
  return createHash('md5').update(text).digest('hex');
}

const versionNames: Readonly<Record<number, string>> = {
  0x0304: '13',
  0x0303: '12',
  0x0302: '11',
  0x0301: '10',
  0x0300: 's3',
  0x0002: 's2',
};

function hex(value: number): string {
  return value.toString(16).padStart(4, '0');
}

/** The first twelve digits of SHA-256; zeros for nothing. */
function shortHash(text: string): string {
  return text === '' ? '0'.repeat(12) : createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function countOf(list: readonly unknown[]): string {
  return String(Math.min(99, list.length)).padStart(2, '0');
}

/** The first and the last character of the first protocol, of its hexadecimal digits where one is no letter or digit. */
function protocolMark(protocol: string | undefined): string {
  if (protocol === undefined || protocol === '') return '00';
  const ends = (text: string): string => text.charAt(0) + text.charAt(text.length - 1);
  const mark = ends(protocol);
  return /^[0-9A-Za-z]{2}$/.test(mark) ? mark : ends(Buffer.from(protocol, 'latin1').toString('hex'));
}

/** JA4, of a TLS client over TCP (FoxIO, "JA4: TLS Client Fingerprint"). */
export function ja4Of(hello: ClientHello): string {
  const { ciphers, extensions, signatureAlgorithms } = hello;
  const version = versionNames[Math.max(hello.version, ...hello.supportedVersions)] ?? '00';
  const name = extensions.includes(extension.serverName) ? 'd' : 'i';
  const mark = protocolMark(hello.applicationProtocols[0]);
  const about = `t${version}${name}${countOf(ciphers)}${countOf(extensions)}${mark}`;
  const told = extensions.filter((type) => type !== extension.serverName && type !== extension.alpn);
  const list = (values: readonly number[]): string => values.map(hex).join(',');
  const sorted = list(told.toSorted((a, b) => a - b));
  const offered = signatureAlgorithms.length === 0 ? sorted : `${sorted}_${list(signatureAlgorithms)}`;
  return `${about}_${shortHash(list(ciphers.toSorted((a, b) => a - b)))}_${shortHash(told.length === 0 ? '' : offered)}`;
}
