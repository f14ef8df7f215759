import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { LateenError, messageOf, type Clock } from '@lateen/core';
import {
  issueCertificate,
  subjectAndKeyOf,
  subjectOf,
  type Issuer,
  type SubjectName,
} from './certificate.ts';
import { parsePem, toPem } from '@lateen/core/der';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** Certificates begin a little earlier, for clocks that differ. */
const skewMs = 2 * minuteMs;

/** A CA's key and certificates, PEM, as a Secret keeps them. */
export interface AuthorityMaterial {
  readonly certificate: string;
  readonly privateKey: string;
  /** Certificates between this one and the root, nearest first; empty for none. */
  readonly intermediates: string;
  readonly root: string;
}

/** A certificate with its key. */
export interface IssuedPair {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly notAfterMs: number;
}

/** Signs the certificates of workloads and of the control plane itself. */
export class CertificateAuthority {
  readonly #issuer: Issuer;
  readonly #chain: readonly string[];
  readonly #notAfterMs: number;
  readonly #clock: Clock;
  /** PEM of the root that peers verify with. */
  readonly root: string;

  /** Throws a LateenError of code `ca.unusable` where the key and the certificates do not belong together. */
  constructor(material: AuthorityMaterial, clock: Clock) {
    const { certificate, privateKey } = readMaterial(material);
    const der = certificate.raw;
    this.#issuer = { privateKey, ...subjectAndKeyOf(der) };
    // Chains often begin with the CA's own certificate again, and end with the root: each is sent once.
    const chain = new Set([material.certificate, material.intermediates].flatMap(certificatesOf));
    const roots = certificatesOf(material.root);
    this.#chain = [...chain].filter((pem) => !roots.includes(pem));
    this.#notAfterMs = certificate.validToDate.getTime();
    this.#clock = clock;
    this.root = roots.join('');
  }

  /** When the CA's own certificate ends. */
  get notAfterMs(): number {
    return this.#notAfterMs;
  }

  /**
   * A certificate for a workload: the leaf, what leads to the root, and the root, each PEM.
   *
   * It ends after `ttlMs`, but never after the CA itself.
   */
  issueWorkload(publicKey: KeyObject, spiffeId: string, ttlMs: number): string[] {
    const leaf = this.#issue(publicKey, '', [{ type: 'uri', value: spiffeId }], ttlMs);
    return [leaf, ...this.#chain, this.root];
  }

  /** A new key and a certificate for a server of the control plane. */
  issueServer(dnsNames: readonly string[], ttlMs: number): IssuedPair {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = dnsNames.map((value): SubjectName => ({ type: 'dns', value }));
    const leaf = this.#issue(publicKey, '', names, ttlMs);
    return {
      certificateChain: [leaf, ...this.#chain].join(''),
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      notAfterMs: new X509Certificate(leaf).validToDate.getTime(),
    };
  }

  #issue(publicKey: KeyObject, organization: string, names: readonly SubjectName[], ttlMs: number): string {
    const now = this.#clock.now();
    return issueCertificate(
      {
        publicKey,
        organization,
        names,
        notBeforeMs: now - skewMs,
        notAfterMs: Math.min(now + ttlMs, this.#notAfterMs),
        isCa: false,
      },
      this.#issuer,
    );
  }
}

/** Makes a CA that is its own root, for ten years. */
export function selfSignedAuthority(trustDomain: string, nowMs: number): AuthorityMaterial {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = issueCertificate(
    {
      publicKey,
      organization: trustDomain,
      names: [],
      notBeforeMs: nowMs - skewMs,
      notAfterMs: nowMs + 3650 * dayMs,
      isCa: true,
    },
    {
      privateKey,
      subject: subjectOf(trustDomain),
      spki: publicKey.export({ type: 'spki', format: 'der' }),
    },
  );
  return {
    certificate,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    intermediates: '',
    root: certificate,
  };
}

function readMaterial(material: AuthorityMaterial): { certificate: X509Certificate; privateKey: KeyObject } {
  let certificate: X509Certificate;
  let privateKey: KeyObject;
  try {
    certificate = new X509Certificate(material.certificate);
    privateKey = createPrivateKey(material.privateKey);
  } catch (error) {
    throw unusable(`cannot be read: ${messageOf(error)}`);
  }
  if (!certificate.ca) throw unusable('the certificate is not that of a CA');
  const own = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  if (!own.equals(certificate.publicKey.export({ type: 'spki', format: 'der' }))) {
    throw unusable('the private key is not that of the certificate');
  }
  if (certificatesOf(material.root).length === 0) throw unusable('the root certificate is missing');
  return { certificate, privateKey };
}

function unusable(why: string): LateenError {
  return new LateenError('ca.unusable', `the certificate authority cannot be used: ${why}`, {
    hint: 'Check ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem of the Secret.',
  });
}

/** Each certificate of a PEM text, written anew, so that equal ones are equal texts. */
function certificatesOf(pem: string): string[] {
  return parsePem(pem)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ bytes }) => toPem('CERTIFICATE', bytes));
}
