import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto';
import {
  DerReader,
  bitString,
  boolean,
  der,
  explicit,
  implicit,
  namedBits,
  octetString,
  oid,
  parsePem,
  sequence,
  set,
  time,
  toPem,
  unsignedInteger,
  utf8String,
} from '@lateen/core/der';

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a leaf certificate is for. */
export type LeafPurpose =
  | { readonly kind: 'server'; readonly dnsNames: readonly string[]; readonly addresses: readonly string[] }
  /** The organizations are the groups of the user. */
  | { readonly kind: 'client'; readonly organizations: readonly string[] };

const dayMs = 86_400_000;
export const authorityLifeMs = 3650 * dayMs;
export const leafLifeMs = 365 * dayMs;
/** Clocks of clients may be a little behind. */
const backdateMs = 300_000;

const ecdsaWithSha256 = oid('1.2.840.10045.4.3.2');
const serverAuth = oid('1.3.6.1.5.5.7.3.1');
const clientAuth = oid('1.3.6.1.5.5.7.3.2');
const subjectAlternativeName = '2.5.29.17';

interface NewKeys {
  readonly pem: string;
  readonly privateKey: KeyObject;
  /** DER of the public key. */
  readonly spki: Buffer;
}

/** Makes a new certificate authority (EC P-256). */
export function issueAuthority(commonName: string, nowMs: number): KeyPair {
  const keys = newKeys();
  const subject = nameOf([], commonName);
  const extensions = [
    critical('2.5.29.19', sequence(boolean(true))),
    // Bits: 0 digitalSignature, 5 keyCertSign, 6 cRLSign.
    critical('2.5.29.15', namedBits([0, 5, 6])),
    plain('2.5.29.14', octetString(keyId(keys.spki))),
  ];
  const body = bodyOf(
    { issuer: subject, subject, lifeMs: authorityLifeMs, spki: keys.spki, extensions },
    nowMs,
  );
  return { certificate: signed(body, keys.privateKey), key: keys.pem };
}

/** Signs a new certificate (EC P-256). */
export function issueLeaf(
  authority: KeyPair,
  commonName: string,
  purpose: LeafPurpose,
  nowMs: number,
): KeyPair {
  const keys = newKeys();
  const signingKey = createPrivateKey(authority.key);
  const authoritySpki = createPublicKey(signingKey).export({ type: 'spki', format: 'der' });
  const isServer = purpose.kind === 'server';
  const extensions = [
    critical('2.5.29.19', sequence()),
    critical('2.5.29.15', namedBits([0])),
    plain('2.5.29.37', sequence(isServer ? serverAuth : clientAuth)),
    plain('2.5.29.14', octetString(keyId(keys.spki))),
    plain('2.5.29.35', sequence(implicit(0, keyId(authoritySpki)))),
  ];
  if (isServer) {
    const names = [
      ...purpose.dnsNames.map((name) => der(0x82, Buffer.from(name, 'latin1'))),
      ...purpose.addresses.map((address) => der(0x87, addressBytes(address))),
    ];
    extensions.push(plain(subjectAlternativeName, sequence(...names)));
  }
  const issuer = subjectOf(authority.certificate);
  const subject = nameOf(isServer ? [] : purpose.organizations, commonName);
  const body = bodyOf({ issuer, subject, lifeMs: leafLifeMs, spki: keys.spki, extensions }, nowMs);
  return { certificate: signed(body, signingKey), key: keys.pem };
}

function newKeys(): NewKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    privateKey,
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    spki: publicKey.export({ type: 'spki', format: 'der' }),
  };
}

interface Body {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly lifeMs: number;
  readonly spki: Uint8Array;
  readonly extensions: readonly Buffer[];
}

/** `TBSCertificate` (RFC 5280, section 4.1). */
function bodyOf(body: Body, nowMs: number): Buffer {
  const version3 = Buffer.from([2]);
  return sequence(
    explicit(0, unsignedInteger(version3)),
    serialNumber(),
    sequence(ecdsaWithSha256),
    body.issuer,
    sequence(time(nowMs - backdateMs), time(nowMs + body.lifeMs)),
    body.subject,
    body.spki,
    explicit(3, sequence(...body.extensions)),
  );
}

function signed(body: Buffer, key: KeyObject): string {
  return toPem(
    'CERTIFICATE',
    sequence(body, sequence(ecdsaWithSha256), bitString(sign('sha256', body, key))),
  );
}

/** 127 random bits, never zero and never negative. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return unsignedInteger(bytes);
}

/** A name of organizations and a common name. */
function nameOf(organizations: readonly string[], commonName: string): Buffer {
  const part = (id: string, text: string): Buffer => set(sequence(oid(id), utf8String(text)));
  return sequence(...organizations.map((text) => part('2.5.4.10', text)), part('2.5.4.3', commonName));
}

function critical(id: string, value: Buffer): Buffer {
  return sequence(oid(id), boolean(true), octetString(value));
}

function plain(id: string, value: Buffer): Buffer {
  return sequence(oid(id), octetString(value));
}

/** RFC 7093, method 1: the first 160 bits of the SHA-256 of the key bits. */
function keyId(spki: Uint8Array): Buffer {
  const fields = new DerReader(spki).sequence('the public key');
  fields.expect(0x30, 'the algorithm');
  const bits = fields.expect(0x03, 'the key').content.subarray(1);
  return createHash('sha256').update(bits).digest().subarray(0, 20);
}

/** DER of the subject of a certificate. */
function subjectOf(pem: string): Buffer {
  const [block] = parsePem(pem);
  const body = new DerReader(block?.bytes ?? Buffer.alloc(0))
    .sequence('the certificate')
    .sequence('its body');
  body.expect(0xa0, 'the version');
  body.expect(0x02, 'the serial number');
  body.expect(0x30, 'the signature algorithm');
  body.expect(0x30, 'the issuer');
  body.expect(0x30, 'the validity');
  return body.expect(0x30, 'the subject').raw;
}

function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const front = words(head);
  const back = words(tail);
  const middle = address.includes('::') ? new Array<number>(8 - front.length - back.length).fill(0) : [];
  return Buffer.from([...front, ...middle, ...back].flatMap((word) => [word >> 8, word & 0xff]));
}
