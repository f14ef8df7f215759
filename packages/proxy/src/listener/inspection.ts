import { ja3Of, ja4Of, readClientHello } from './client-hello.ts';

/** What the first bytes of a connection tell. */
export interface Inspected {
  readonly transportProtocol: 'tls' | 'raw_buffer';
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
  /** Fingerprints of the client, where they are wished for. */
  readonly ja3?: string;
  readonly ja4?: string;
}

export const notInspected: Inspected = {
  transportProtocol: 'raw_buffer',
  serverName: '',
  applicationProtocols: [],
};

export interface InspectionWish {
  readonly tls: boolean;
  readonly http: boolean;
  readonly ja3?: boolean;
  readonly ja4?: boolean;
}

const handshakeRecord = 22;
const clientHello = 1;
/** Most that is looked at: a ClientHello and a request line are shorter. */
export const maxInspectedBytes = 64 * 1024;
const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Undefined where more bytes are needed to tell. */
export function inspect(bytes: Buffer, wish: InspectionWish): Inspected | undefined {
  if (bytes.length === 0) return undefined;
  if (wish.tls && bytes[0] === handshakeRecord) {
    const hello = inspectClientHello(bytes, wish);
    if (hello !== 'not_tls') return hello;
  }
  if (!wish.http) return notInspected;
  const protocol = inspectHttp(bytes);
  if (protocol === undefined) return bytes.length < maxInspectedBytes ? undefined : notInspected;
  return protocol === '' ? notInspected : { ...notInspected, applicationProtocols: [protocol] };
}

/** `h2c`, `http/1.1`, `http/1.0`; empty for what is no HTTP; undefined where it cannot be told yet. */
function inspectHttp(bytes: Buffer): string | undefined {
  const known = Math.min(bytes.length, http2Preface.length);
  if (bytes.compare(http2Preface, 0, known, 0, known) === 0) {
    return known === http2Preface.length ? 'h2c' : undefined;
  }
  const end = bytes.indexOf(10);
  const line = bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
  // A method is a token; as soon as something else comes before the first space, this is not HTTP.
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}(?: |$)/.test(line)) return '';
  // Whatever follows: the verdict must not depend on where the network has cut the line.
  if (line.includes('\0')) return '';
  if (end < 0) return undefined;
  const [, minor] = /^\S+ \S+ HTTP\/1\.([01])\r?$/.exec(line) ?? [];
  return minor === undefined ? '' : `http/1.${minor}`;
}

/** Reads a TLS ClientHello. */
function inspectClientHello(bytes: Buffer, wish: InspectionWish): Inspected | 'not_tls' | undefined {
  const message = handshakeMessage(bytes);
  if (message === undefined || message === 'not_tls') return message;
  try {
    const hello = readClientHello(message, wish.ja3 === true || wish.ja4 === true);
    const { serverName, applicationProtocols } = hello;
    return {
      transportProtocol: 'tls',
      serverName,
      applicationProtocols,
      ...(wish.ja3 === true ? { ja3: ja3Of(hello) } : {}),
      ...(wish.ja4 === true ? { ja4: ja4Of(hello) } : {}),
    };
  } catch {
    return 'not_tls';
  }
}

/** The handshake message, which may be split over records; undefined where it is not complete. */
function handshakeMessage(bytes: Buffer): Buffer | 'not_tls' | undefined {
  const parts: Buffer[] = [];
  let size = 0;
  let wanted = -1;
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length < at + 5) return undefined;
    if (bytes[at] !== handshakeRecord || bytes[at + 1] !== 3) return 'not_tls';
    const length = bytes.readUInt16BE(at + 3);
    const part = bytes.subarray(at + 5, at + 5 + length);
    parts.push(part);
    size += part.length;
    at += 5 + length;
    if (wanted < 0 && size >= 4) {
      const head = Buffer.concat(parts);
      if (head[0] !== clientHello) return 'not_tls';
      wanted = 4 + head.readUIntBE(1, 3);
      if (wanted > maxInspectedBytes) return 'not_tls';
    }
    if (wanted >= 0 && size >= wanted) return Buffer.concat(parts).subarray(0, wanted);
  }
  return undefined;
}
