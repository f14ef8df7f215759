import { createHash, X509Certificate } from 'node:crypto';
import { parseAlternativeNames } from '../tls/subject-alternative-names.ts';
import { certificatePem } from '../tls/certificate-text.ts';
import { nonEmpty, type Operator } from './format-operator.ts';

type ReadPeer = (certificate: X509Certificate) => string | undefined;

/** Certificates by their DER, which a connection has for as long as it lives: read once, when a log first asks. */
const parsed = new WeakMap<Buffer, X509Certificate>();

function ofPeer(read: ReadPeer): Operator {
  return ({ downstreamTls }) => {
    const der = downstreamTls?.peerCertificate;
    if (der === undefined) return undefined;
    let certificate = parsed.get(der);
    if (certificate === undefined) {
      certificate = new X509Certificate(der);
      parsed.set(der, certificate);
    }
    return nonEmpty(read(certificate));
  };
}

function nameOf(text: string | undefined): string {
  return text?.split('\n').toReversed().join(',') ?? '';
}

const isoTime = (text: string): string => new Date(text).toISOString();

/** What Envoy's operators say of TLS with the client (`%DOWNSTREAM_…%`). */
export const tlsOperators: Readonly<Record<string, Operator>> = {
  DOWNSTREAM_TLS_VERSION: (i) => i.downstreamTls?.version,
  DOWNSTREAM_TLS_CIPHER: (i) => i.downstreamTls?.cipher,
  DOWNSTREAM_PEER_URI_SAN: (i) => nonEmpty(i.downstreamTls?.peerUriSans.join(',')),
  DOWNSTREAM_PEER_DNS_SAN: (i) => nonEmpty(i.downstreamTls?.peerDnsSans.join(',')),
  DOWNSTREAM_PEER_IP_SAN: ofPeer((c) => parseAlternativeNames(c.subjectAltName).ip.join(',')),
  DOWNSTREAM_PEER_EMAIL_SAN: ofPeer((c) => parseAlternativeNames(c.subjectAltName).email.join(',')),
  DOWNSTREAM_PEER_SUBJECT: (i) => nonEmpty(i.downstreamTls?.peerSubject),
  DOWNSTREAM_PEER_ISSUER: ofPeer((c) => nameOf(c.issuer)),
  DOWNSTREAM_PEER_SERIAL: ofPeer((c) => c.serialNumber.toLowerCase()),
  DOWNSTREAM_PEER_FINGERPRINT_256: ofPeer((c) => createHash('sha256').update(c.raw).digest('hex')),
  DOWNSTREAM_PEER_FINGERPRINT_1: ofPeer((c) => createHash('sha1').update(c.raw).digest('hex')),
  DOWNSTREAM_PEER_CERT: ofPeer((c) => encodeURIComponent(certificatePem(c.raw))),
  DOWNSTREAM_PEER_CERT_V_START: ofPeer((c) => isoTime(c.validFrom)),
  DOWNSTREAM_PEER_CERT_V_END: ofPeer((c) => isoTime(c.validTo)),
  DOWNSTREAM_LOCAL_URI_SAN: (i) => nonEmpty(i.downstreamTls?.own?.uriSans.join(',')),
  DOWNSTREAM_LOCAL_DNS_SAN: (i) => nonEmpty(i.downstreamTls?.own?.dnsSans.join(',')),
  DOWNSTREAM_LOCAL_SUBJECT: (i) => nonEmpty(i.downstreamTls?.own?.subject),
};
