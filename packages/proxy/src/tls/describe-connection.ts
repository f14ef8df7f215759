import { Acquaintance } from '../codec/acquaintance.ts';
import type { OwnCertificate, TlsInfo } from '../wire/tls-info.ts';
import type { Certificate } from './openssl/certificate.ts';
import type { TlsSession } from './openssl/tls-session.ts';

/** What a finished handshake says. */
export function describeTls(
  session: TlsSession,
  serverName: string,
  certificate: Certificate | undefined,
  own?: OwnCertificate,
): TlsInfo {
  return {
    alpn: session.protocol,
    sni: serverName,
    version: session.version,
    cipher: session.cipher,
    group: session.group,
    peerSignature: certificate === undefined || session.resumed ? '' : session.peerSignature,
    sessionReused: session.resumed,
    sessionId: session.id,
    peerUriSans: certificate?.names?.uri ?? [],
    peerDnsSans: certificate?.names?.dns ?? [],
    peerSubject: certificate?.subject ?? '',
    own,
    peerCertificate: certificate,
    acquaintance: new Acquaintance(session.clientRandom),
  };
}

/** What our own certificate says. */
export function describeOwn({ names, subject }: Certificate): OwnCertificate {
  return { uriSans: names?.uri ?? [], dnsSans: names?.dns ?? [], subject };
}
