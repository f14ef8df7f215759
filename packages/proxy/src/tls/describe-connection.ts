import type { X509Certificate } from 'node:crypto';
import type { OwnCertificate, TlsInfo } from '../wire/tls-info.ts';
import type { TlsSession } from './openssl/tls-session.ts';
import { parseAlternativeNames } from './subject-alternative-names.ts';

/** What a finished handshake says. */
export function describeTls(
  session: TlsSession,
  serverName: string,
  certificate: X509Certificate | undefined,
  own?: OwnCertificate,
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
    peerSubject: subjectText(subject),
    own,
    peerCertificate: certificate?.raw,
  };
}

/** What our own certificate says. */
export function describeOwn(certificate: X509Certificate): OwnCertificate {
  const names = parseAlternativeNames(certificate.subjectAltName);
  return { uriSans: names.uri, dnsSans: names.dns, subject: subjectText(certificate.subject) };
}

/** A subject as RFC 2253 has it: the most particular first. */
function subjectText(subject: string | undefined): string {
  return subject?.split('\n').toReversed().join(',') ?? '';
}
