import { createHash, X509Certificate } from 'node:crypto';
import { certificatePem } from '../tls/certificate-text.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import { nonEmpty, type Operator } from './format-operator.ts';
import type { StreamInfo } from './stream-info.ts';

type ReadPeer = (certificate: X509Certificate) => string | undefined;

/** Certificates by their DER, which a connection has for as long as it lives: read once, when a log first asks. */
const parsed = new WeakMap<Buffer, X509Certificate>();

function peerOf(tls: TlsInfo | undefined): X509Certificate | undefined {
  const der = tls?.peerCertificate?.der;
  if (der === undefined) return undefined;
  let certificate = parsed.get(der);
  if (certificate === undefined) {
    certificate = new X509Certificate(der);
    parsed.set(der, certificate);
  }
  return certificate;
}

function nameOf(text: string | undefined): string {
  return text?.split('\n').toReversed().join(',') ?? '';
}

const isoTime = (text: string): string => new Date(text).toISOString();

/** What operators say of one side's TLS, by their names without that of the side. */
function operatorsOf(tlsOf: (info: StreamInfo) => TlsInfo | undefined): Readonly<Record<string, Operator>> {
  const ofPeer =
    (read: ReadPeer): Operator =>
    (info) => {
      const certificate = peerOf(tlsOf(info));
      return certificate === undefined ? undefined : nonEmpty(read(certificate));
    };
  const ofChain =
    (read: (der: Buffer) => string): Operator =>
    (info) => {
      const tls = tlsOf(info);
      const own = tls?.peerCertificate === undefined ? [] : [tls.peerCertificate.der];
      const chain = tls?.peerChain === undefined || tls.peerChain.length === 0 ? own : tls.peerChain;
      return nonEmpty(chain.map(read).join(','));
    };
  return {
    TLS_VERSION: (i) => tlsOf(i)?.version,
    TLS_CIPHER: (i) => nonEmpty(tlsOf(i)?.cipher),
    TLS_SESSION_ID: (i) => nonEmpty(Buffer.from(tlsOf(i)?.sessionId ?? '', 'latin1').toString('hex')),
    PEER_URI_SAN: (i) => nonEmpty(tlsOf(i)?.peerUriSans.join(',')),
    PEER_DNS_SAN: (i) => nonEmpty(tlsOf(i)?.peerDnsSans.join(',')),
    PEER_IP_SAN: (i) => nonEmpty(tlsOf(i)?.peerCertificate?.names?.ip.join(',')),
    PEER_EMAIL_SAN: (i) => nonEmpty(tlsOf(i)?.peerCertificate?.names?.email.join(',')),
    PEER_SUBJECT: (i) => nonEmpty(tlsOf(i)?.peerSubject),
    PEER_ISSUER: ofPeer((c) => nameOf(c.issuer)),
    PEER_SERIAL: ofPeer((c) => c.serialNumber.toLowerCase()),
    PEER_FINGERPRINT_256: (i) => tlsOf(i)?.peerCertificate?.fingerprint,
    PEER_FINGERPRINT_1: ofPeer((c) => createHash('sha1').update(c.raw).digest('hex')),
    PEER_CHAIN_FINGERPRINTS_256: ofChain((der) => createHash('sha256').update(der).digest('hex')),
    PEER_CHAIN_FINGERPRINTS_1: ofChain((der) => createHash('sha1').update(der).digest('hex')),
    PEER_CHAIN_SERIALS: ofChain((der) => new X509Certificate(der).serialNumber.toLowerCase()),
    PEER_CERT: ofPeer((c) => encodeURIComponent(certificatePem(c.raw))),
    PEER_CERT_V_START: ofPeer((c) => isoTime(c.validFrom)),
    PEER_CERT_V_END: ofPeer((c) => isoTime(c.validTo)),
    LOCAL_URI_SAN: (i) => nonEmpty(tlsOf(i)?.own?.uriSans.join(',')),
    LOCAL_DNS_SAN: (i) => nonEmpty(tlsOf(i)?.own?.dnsSans.join(',')),
    LOCAL_SUBJECT: (i) => nonEmpty(tlsOf(i)?.own?.subject),
  };
}

function withPrefix(prefix: string, operators: Readonly<Record<string, Operator>>): [string, Operator][] {
  return Object.entries(operators).map(([name, operator]) => [`${prefix}${name}`, operator]);
}

/** What Envoy's operators say of TLS with the client (`%DOWNSTREAM_…%`) and with the endpoint (`%UPSTREAM_…%`). */
export const tlsOperators: Readonly<Record<string, Operator>> = Object.fromEntries([
  ...withPrefix(
    'DOWNSTREAM_',
    operatorsOf(({ downstreamTls }) => downstreamTls),
  ),
  ...withPrefix(
    'UPSTREAM_',
    operatorsOf(({ upstreamTls }) => upstreamTls),
  ),
]);
