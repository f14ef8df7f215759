import type { DownstreamTls } from '../model/tls.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { PlainWire } from '../wire/plain-wire.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { Turn } from '../wire/turn.ts';
import { describeTls } from './describe-connection.ts';
import { Handshake, type HandshakeListener } from './handshake.ts';
import type { ConnectionEnds } from './key-log.ts';
import type { Stapled } from './openssl/ocsp-stapler.ts';
import { TlsSession, type ClientAuthentication } from './openssl/tls-session.ts';
import type { SecureWire } from './secure-wire.ts';
import type { TlsSettings } from './tls-context.ts';

export interface ServerHandshakeListener {
  readonly onStapled: (what: Stapled) => void;
  readonly onSecure: (wire: SecureWire) => void;
  /** The handshake did not come to its end; the connection is closed. `seen` where it was not the client that went. */
  readonly onFailed: (
    reason: 'handshake' | 'peer',
    detail: string,
    seen: FailedHandshake | undefined,
  ) => void;
}

/** What is known of a connection whose handshake has failed. */
export interface FailedHandshake {
  readonly tls: TlsInfo;
  /** Undefined for a good chain. */
  readonly chainFailure: string | undefined;
}

/**
 * The server's part of a TLS handshake on an accepted connection; to be started with what has been read already.
 * `serverName` is what the client asked for. Exactly one method of the listener is called.
 */
export function serverHandshake(
  loop: { readonly turn: Turn; readonly timers: CoarseTimers },
  plain: PlainWire,
  model: DownstreamTls,
  settings: TlsSettings,
  {
    serverName,
    keepsPeerChain,
    ends,
  }: { readonly serverName: string; readonly keepsPeerChain: boolean; readonly ends: ConnectionEnds },
  listener: ServerHandshakeListener,
): Handshake {
  const { openssl, context, check, ownOf, keyLog } = settings;
  const needsPeer = settings.needsPeer || model.requireClientCertificate;
  const clients: ClientAuthentication = {
    required: needsPeer,
    judge: (certificate, chainError) => check(certificate, chainError, serverName),
  };
  const asks = settings.verifies || needsPeer;
  const session = TlsSession.server(openssl, context, asks ? clients : undefined);
  if (keyLog?.covers(ends) === true) session.tellKeys(keyLog.write);
  const connection = { handle: plain.detach(), readBuffer: plain.readBuffer };
  let seen: FailedHandshake | undefined;
  const own: HandshakeListener = {
    judge() {
      const certificate = session.peerCertificate();
      const info = describeTls(session, serverName, certificate, ownOf(session));
      if (certificate === undefined) return needsPeer ? { refused: 'no_certificate' } : info;
      // On a resumed session none is shown, and what it showed at first is judged by the rules of today.
      const refused = session.resumed ? check(certificate, session.chainError, serverName) : undefined;
      if (refused !== undefined) return { refused };
      return keepsPeerChain ? { ...info, peerChain: session.peerChain() } : info;
    },
    onStapled: listener.onStapled,
    onSecure: listener.onSecure,
    explain() {
      const tls = describeTls(session, serverName, session.peerCertificate(), ownOf(session));
      seen = { tls, chainFailure: session.chainFailure };
    },
    onFailed: (reason, detail) => listener.onFailed(reason, detail, seen),
  };
  return new Handshake(loop.turn, connection, openssl, session, own, loop.timers);
}
