// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 wants it loaded
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  type Extension,
  type JsonGeneralName,
} from '@peculiar/x509';

/** What a certificate is issued for. */
export interface CertificateNames {
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  /** As in `spiffe://cluster.local/ns/default/sa/default`. */
  readonly uris?: readonly string[];
  /** Default P-256. */
  readonly key?: 'P-256' | 'P-384' | 'RSA';
  /** May sign certificates itself: what no peer must show as its own. */
  readonly signs?: boolean;
  /** Default: from an hour ago to an hour from now. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** A certificate and its key in PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority that lives as long as a test. */
export interface TestAuthority {
  /** PEM of the root. */
  readonly root: string;
  /** Issues a certificate good for servers and clients. */
  issue(names: CertificateNames): Promise<TestCertificate>;
  /** Makes an authority below this one; what it issues has its certificate in the chain. */
  issueAuthority(commonName: string): Promise<TestAuthority>;
  /** PEM of this authority's revocation list; certificates are given by their PEM. */
  revoke(certificates: readonly string[]): Promise<string>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
const hourMs = 3_600_000;
let serial = 1;

/** Makes an authority with a root of its own. */
export async function createTestAuthority(commonName = 'Test root'): Promise<TestAuthority> {
  cryptoProvider.set(webcrypto);
  const rootKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const name = `CN=${commonName}`;
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name,
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + hourMs),
    keys: rootKeys,
    signingAlgorithm,
    extensions: authorityExtensions(),
  });
  return authority(name, rootKeys, root.toString('pem'), '');
}

/** An authority with this name and these keys; `issuers` (PEM) are put behind what it issues. */
function authority(
  name: string,
  { privateKey }: webcrypto.CryptoKeyPair,
  root: string,
  issuers: string,
): TestAuthority {
  return {
    root,
    async issueAuthority(commonName) {
      const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const subject = `CN=${commonName}`;
      const certificate = await X509CertificateGenerator.create({
        serialNumber: nextSerial(),
        subject,
        issuer: name,
        notBefore: new Date(Date.now() - hourMs),
        notAfter: new Date(Date.now() + hourMs),
        publicKey: keys.publicKey,
        signingKey: privateKey,
        signingAlgorithm,
        extensions: authorityExtensions(),
      });
      return authority(subject, keys, root, `\n${certificate.toString('pem')}${issuers}`);
    },
    async revoke(certificates) {
      const list = await X509CrlGenerator.create({
        issuer: name,
        thisUpdate: new Date(Date.now() - hourMs),
        nextUpdate: new Date(Date.now() + hourMs),
        entries: certificates.map((pem) => ({ serialNumber: new X509Certificate(pem).serialNumber })),
        signingKey: privateKey,
        signingAlgorithm,
      });
      return PemConverter.encode(list.rawData, 'X509 CRL');
    },
    async issue(names) {
      const keys = await generateKeys(names.key ?? 'P-256');
      const alternatives: JsonGeneralName[] = [
        ...(names.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
        ...(names.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
        ...(names.uris ?? []).map((value) => ({ type: 'url' as const, value })),
      ];
      const certificate = await X509CertificateGenerator.create({
        serialNumber: nextSerial(),
        subject: names.dns?.[0] === undefined ? '' : `CN=${names.dns[0]}`,
        issuer: name,
        notBefore: names.notBefore ?? new Date(Date.now() - hourMs),
        notAfter: names.notAfter ?? new Date(Date.now() + hourMs),
        publicKey: keys.publicKey,
        signingKey: privateKey,
        signingAlgorithm,
        extensions: [
          ...(names.signs === true
            ? authorityExtensions()
            : [
                new BasicConstraintsExtension(false, undefined, true),
                new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
              ]),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          new SubjectAlternativeNameExtension(alternatives),
        ],
      });
      const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
      return { cert: certificate.toString('pem') + issuers, key: PemConverter.encode(der, 'PRIVATE KEY') };
    },
  };
}

function generateKeys(kind: 'P-256' | 'P-384' | 'RSA'): Promise<webcrypto.CryptoKeyPair> {
  if (kind !== 'RSA')
    return webcrypto.subtle.generateKey({ ...algorithm, namedCurve: kind }, true, ['sign', 'verify']);
  const publicExponent = new Uint8Array([1, 0, 1]);
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2_048, publicExponent };
  return webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify']);
}

function authorityExtensions(): Extension[] {
  return [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ];
}

function nextSerial(): string {
  return (serial++).toString(16).padStart(16, '0');
}
