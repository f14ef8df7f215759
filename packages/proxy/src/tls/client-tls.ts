import { Acquaintance } from '../codec/acquaintance.ts';
import { isIP } from 'node:net';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import { describeTls } from './describe-connection.ts';
import type { Openssl } from './openssl/openssl.ts';
import { TlsSession, type ResumableSession } from './openssl/tls-session.ts';
import { refusalText } from './refusal-text.ts';
import type { SecureWire } from './secure-wire.ts';
import type { ClientHandshake } from './tls-connecting.ts';
import type { TlsSettings } from './tls-context.ts';

/** A session to be resumed, with what its first handshake showed. */
interface KnownSession {
  readonly session: ResumableSession;
  readonly info: TlsInfo;
  readonly settings: TlsSettings;
}

/** Sessions that may be resumed, by endpoint and server name; at most `maxSessions`, the oldest goes first. */
export class SessionCache {
  readonly #sessions = new Map<string, KnownSession>();
  readonly #maxSessions: number;

  constructor(maxSessions: number) {
    this.#maxSessions = maxSessions;
  }

  /** The session of the last connection; undefined where it was judged by other rules than today's. */
  find(key: string, settings: TlsSettings): KnownSession | undefined {
    const known = this.#sessions.get(key);
    return known?.settings === settings ? known : undefined;
  }

  keep(key: string, session: KnownSession): void {
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    if (this.#sessions.size <= this.#maxSessions) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      return;
    }
  }

  forget(key: string): void {
    this.#sessions.delete(key);
  }
}

export interface ClientTlsOptions {
  readonly settings: TlsSettings;
  /** Undefined where sessions are not resumed. */
  readonly sessions: SessionCache | undefined;
  readonly hostKey: string;
  /** SNI; empty: none. */
  readonly serverName: string;
  /** What the certificate has to be for, where the cluster wants it to be for the host that is asked for. */
  readonly verifiedName: string;
  readonly protocols: Buffer;
  readonly stats: ClusterStats;
}

/** The client's part of one connection's handshake. */
export function clientTls(options: ClientTlsOptions): ClientHandshake & { readonly openssl: Openssl } {
  const { settings, sessions, serverName, verifiedName, protocols, stats } = options;
  const { openssl, context, check, keyLog } = settings;
  const key = `${options.hostKey} ${serverName} ${verifiedName}`;
  const known = sessions?.find(key, settings);

  function judge(session: TlsSession): TlsInfo | { readonly refused: string } {
    if (session.resumed && known !== undefined) {
      // The certificate is not shown again on a resumed session: it was judged when the session was new.
      const info = {
        ...known.info,
        sessionReused: true,
        sessionId: session.id,
        group: session.group,
        acquaintance: new Acquaintance(session.clientRandom),
      };
      stats.tls.countHandshake(info);
      return info;
    }
    const certificate = session.peerCertificate();
    const verdict = check(certificate, session.chainError, verifiedName);
    if (verdict === undefined) {
      const info = describeTls(session, serverName, certificate, settings.ownOf(session));
      stats.tls.countHandshake(info);
      return info;
    }
    stats.tls.countFailure(verdict);
    sessions?.forget(key);
    return {
      refused: refusalText(verdict, {
        chainFailure: session.chainFailure,
        names: certificate?.names ?? undefined,
        serverName: verifiedName,
      }),
    };
  }

  return {
    openssl,
    create(wire) {
      const session = TlsSession.client(openssl, context, {
        serverName: isIP(serverName) === 0 ? serverName : '',
        protocols,
        session: known?.session,
      });
      if (keyLog?.covers({ local: wire.localAddress, remote: wire.remoteAddress }) === true)
        session.tellKeys(keyLog.write);
      return session;
    },
    judge,
    onSecure(session: TlsSession, wire: SecureWire) {
      if (sessions === undefined) return;
      wire.onFirstBytes = () => {
        wire.tls.sessionId = session.id;
        const fresh = session.keepSession();
        if (fresh !== undefined) sessions.keep(key, { session: fresh, info: wire.tls, settings });
      };
    },
    onBroken() {
      stats.tls.countFailure(undefined);
      sessions?.forget(key);
    },
  };
}
