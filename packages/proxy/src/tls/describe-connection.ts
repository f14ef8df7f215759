import type { X509Certificate } from 'node:crypto';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { TlsSession } from './openssl/tls-session.ts';
import { parseAlternativeNames } from './subject-alternative-names.ts';

/** What a finished handshake says. */
export function describeTls(
  session: TlsSession,
  serverName: string,
  certificate: X509Certificate | undefined,
): TlsInfo {
  // Undefined also for a certificate without a subject, whatever the types say.
  const subject = certificate?.subject;
  const names = parseAlternativeNames(certificate?.subjectAltName);
  return {
    alpn: session.protocol,
    sni: serverName,
    version: session.version,
    cipher: session.cipher,
    sessionReused: session.resumed,
    peerUriSans: names.uri,
    peerDnsSans: names.dns,
    peerSubject: subject?.split('\n').toReversed().join(',') ?? '',
    peerCertificate: certificate?.raw,
  };
}
