import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto';
import {
  DerReader,
  bitString,
  boolean,
  der,
  explicit,
  implicit,
  namedBits,
  nullValue,
  octetString,
  oid,
  sequence,
  set,
  time,
  toPem,
  unsignedInteger,
  utf8String,
} from '@lateen/core/der';

/** A name that a certificate is for. */
export type SubjectName =
  | { readonly type: 'uri'; readonly value: string }
  | { readonly type: 'dns'; readonly value: string }
  | { readonly type: 'ip'; readonly bytes: Uint8Array };

/** What a certificate says. */
export interface CertificateContent {
  readonly publicKey: KeyObject;
  /** Organisation of the subject; empty for none. */
  readonly organization: string;
  readonly names: readonly SubjectName[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isCa: boolean;
}

/** Who signs. */
export interface Issuer {
  readonly privateKey: KeyObject;
  /** DER of the issuer's subject, as it stands in its certificate. */
  readonly subject: Uint8Array;
  /** DER of its public key (SubjectPublicKeyInfo). */
  readonly spki: Uint8Array;
}

/** Makes and signs an X.509 v3 certificate (RFC 5280); PEM. */
export function issueCertificate(content: CertificateContent, issuer: Issuer): string {
  const spki = content.publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = signatureAlgorithm(issuer.privateKey);
  const body = sequence(
    explicit(0, unsignedInteger(Buffer.from([2]))),
    serialNumber(),
    algorithm.identifier,
    issuer.subject,
    sequence(time(content.notBeforeMs), time(content.notAfterMs)),
    subjectOf(content.organization),
    spki,
    explicit(3, sequence(...extensions(content, spki, issuer.spki))),
  );
  const signature = sign(algorithm.digest, body, issuer.privateKey);
  return toPem('CERTIFICATE', sequence(body, algorithm.identifier, bitString(signature)));
}

/** DER of a subject that has only an organisation, or nothing. */
export function subjectOf(organization: string): Buffer {
  return organization === ''
    ? sequence()
    : sequence(set(sequence(oid('2.5.4.10'), utf8String(organization))));
}

/** DER of the subject and of the public key in a certificate. */
export function subjectAndKeyOf(certificate: Uint8Array): {
  readonly subject: Buffer;
  readonly spki: Buffer;
} {
  const body = new DerReader(certificate).sequence('the certificate').sequence('the certificate body');
  body.expect(0xa0, 'the version');
  body.expect(0x02, 'the serial number');
  body.expect(0x30, 'the signature algorithm');
  body.expect(0x30, 'the issuer');
  body.expect(0x30, 'the validity');
  const subject = body.expect(0x30, 'the subject').raw;
  return { subject, spki: body.expect(0x30, 'the public key').raw };
}

/** 127 random bits, never zero and never negative. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return unsignedInteger(bytes);
}

function extensions(content: CertificateContent, spki: Uint8Array, issuerSpki: Uint8Array): Buffer[] {
  const critical = (id: string, value: Buffer): Buffer =>
    sequence(oid(id), boolean(true), octetString(value));
  const plain = (id: string, value: Buffer): Buffer => sequence(oid(id), octetString(value));
  const list = [
    // Bits: 0 digitalSignature, 2 keyEncipherment, 5 keyCertSign, 6 cRLSign.
    critical('2.5.29.15', namedBits(content.isCa ? [5, 6] : [0, 2])),
    critical('2.5.29.19', content.isCa ? sequence(boolean(true)) : sequence()),
    plain('2.5.29.14', octetString(keyId(spki))),
    plain('2.5.29.35', sequence(implicit(0, keyId(issuerSpki)))),
  ];
  if (!content.isCa) {
    // serverAuth and clientAuth: every workload is both.
    list.push(plain('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))));
  }
  if (content.names.length > 0) {
    const names = sequence(...content.names.map(generalName));
    // RFC 5280, 4.2.1.6: critical where there is no subject.
    list.push(content.organization === '' ? critical('2.5.29.17', names) : plain('2.5.29.17', names));
  }
  return list;
}

const nameTags = { dns: 0x82, uri: 0x86 } as const;

function generalName(name: SubjectName): Buffer {
  return name.type === 'ip'
    ? der(0x87, name.bytes)
    : der(nameTags[name.type], Buffer.from(name.value, 'latin1'));
}

/** RFC 7093, method 1: the first 160 bits of the SHA-256 of the key bits. */
function keyId(spki: Uint8Array): Buffer {
  const fields = new DerReader(spki).sequence('the public key');
  fields.expect(0x30, 'the algorithm');
  const bits = fields.expect(0x03, 'the key').content.subarray(1);
  return createHash('sha256').update(bits).digest().subarray(0, 20);
}

function signatureAlgorithm(key: KeyObject): { readonly digest: string | null; readonly identifier: Buffer } {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return { digest: 'sha256', identifier: sequence(oid('1.2.840.113549.1.1.11'), nullValue()) };
    case 'ec':
      return key.asymmetricKeyDetails?.namedCurve === 'secp384r1'
        ? { digest: 'sha384', identifier: sequence(oid('1.2.840.10045.4.3.3')) }
        : { digest: 'sha256', identifier: sequence(oid('1.2.840.10045.4.3.2')) };
    case 'ed25519':
      return { digest: null, identifier: sequence(oid('1.3.101.112')) };
    default:
      throw new Error(`no signature algorithm for a key of type ${key.asymmetricKeyType}`);
  }
}
