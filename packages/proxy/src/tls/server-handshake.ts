import type { DownstreamTls } from '../model/tls.ts';
import type { PlainWire } from '../wire/plain-wire.ts';
import type { Turn } from '../wire/turn.ts';
import { describeTls } from './describe-connection.ts';
import { Handshake } from './handshake.ts';
import { TlsSession } from './openssl/tls-session.ts';
import type { SecureWire } from './secure-wire.ts';
import type { TlsSettings } from './tls-context.ts';

export interface ServerHandshakeListener {
  readonly onSecure: (wire: SecureWire) => void;
  /** The handshake did not come to its end; the connection is closed. */
  readonly onFailed: (reason: 'handshake' | 'peer', detail: string) => void;
}

/**
 * The server's part of a TLS handshake on an accepted connection; to be started with what has been read already.
 * `serverName` is what the client asked for. Exactly one method of the listener is called.
 */
export function serverHandshake(
  turn: Turn,
  plain: PlainWire,
  model: DownstreamTls,
  settings: TlsSettings,
  { serverName, keepsPeerChain }: { readonly serverName: string; readonly keepsPeerChain: boolean },
  listener: ServerHandshakeListener,
): Handshake {
  const { openssl, context, check, ownOf } = settings;
  const needsPeer = settings.needsPeer || model.requireClientCertificate;
  const session = TlsSession.server(openssl, context, settings.verifies || needsPeer);
  const connection = { handle: plain.detach(), readBuffer: plain.readBuffer };
  return new Handshake(turn, connection, openssl, session, {
    judge() {
      const certificate = session.peerCertificate();
      const info = describeTls(session, serverName, certificate, ownOf(session));
      if (certificate === undefined) return needsPeer ? { refused: 'no_certificate' } : info;
      const refused = check(certificate, session.chainError, serverName);
      if (refused !== undefined) return { refused };
      return keepsPeerChain ? { ...info, peerChain: session.peerChain() } : info;
    },
    onSecure: listener.onSecure,
    onFailed: listener.onFailed,
  });
}
