import type { TLSSocket } from 'node:tls';
import type { TlsInfo } from '../wire/tls-info.ts';
import { parseAlternativeNames } from './subject-alternative-names.ts';

/** What a finished handshake says. */
export function describeTls(socket: TLSSocket, serverName: string): TlsInfo {
  const certificate = socket.getPeerX509Certificate();
  // Undefined also for a certificate without a subject, whatever the types say.
  const subject = certificate?.subject;
  const names = parseAlternativeNames(certificate?.subjectAltName);
  return {
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
    sni: serverName,
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    sessionReused: socket.isSessionReused(),
    peerUriSans: names.uri,
    peerDnsSans: names.dns,
    peerSubject: subject?.split('\n').toReversed().join(',') ?? '',
    peerCertificate: certificate?.raw,
  };
}
