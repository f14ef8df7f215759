import { isIP } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { codeOf, messageOf } from '@lateen/core';
import type { Cluster } from '../model/cluster.ts';
import type { UpstreamTls } from '../model/tls.ts';
import type {
  ConnectListener,
  Connector,
  ConnectorContext,
  PendingConnection,
} from '../cluster/connector.ts';
import { tlsErrorText } from '../cluster/connect-error.ts';
import type { Host } from '../cluster/host.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import { describeTls } from './describe-connection.ts';
import type { SecretStore } from './secret-store.ts';
import { socketOptions, TlsConnecting } from './tls-connecting.ts';
import { FollowingTlsSettings, type TlsSettings } from './tls-context.ts';

const maxSessions = 1_000;

/** A session to be resumed, with what its first handshake showed. */
interface Session {
  readonly ticket: Buffer;
  readonly info: TlsInfo;
  readonly settings: TlsSettings;
}

/** TLS connections as a cluster asks for them; sessions are resumed. */
export class TlsConnector implements Connector {
  readonly #context: ConnectorContext;
  readonly #cluster: Cluster;
  readonly #model: UpstreamTls;
  readonly #settings: FollowingTlsSettings;
  readonly #stats: ClusterStats;
  readonly #sessions = new Map<string, Session>();

  constructor(
    context: ConnectorContext,
    cluster: Cluster,
    model: UpstreamTls,
    secrets: SecretStore,
    stats: ClusterStats,
  ) {
    this.#context = context;
    this.#cluster = cluster;
    this.#model = model;
    this.#stats = stats;
    this.#settings = new FollowingTlsSettings(model.options, secrets, model.autoSanValidation);
  }

  connect(host: Host, listener: ConnectListener, serverName?: string): PendingConnection {
    const settings = this.#settings.current();
    const { options, sni, autoSni } = this.#model;
    const name = autoSni && serverName !== undefined && serverName !== '' ? serverName : sni;
    if (!settings.ok) {
      const [first] = settings.problems;
      return failLater(this.#context, listener, `TLS cannot be used: ${first?.message ?? ''}`);
    }
    const { context, check } = settings.value;
    const key = `${host.key} ${name}`;
    const known = this.#sessions.get(key);
    // Who was judged by other rules is judged again.
    const session = known?.settings === settings.value ? known : undefined;
    const connection: ConnectionOptions = {
      ...socketOptions(this.#cluster, host.address),
      secureContext: context,
      // Judged below, by our own rules and with our own counters.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(name === '' || isIP(name) !== 0 ? {} : { servername: name }),
      ...(options.alpn.length === 0 ? {} : { ALPNProtocols: [...options.alpn] }),
      ...(session === undefined ? {} : { session: session.ticket }),
    };
    const socket = connectTls(connection);
    let ticket: Buffer | undefined;
    let info: TlsInfo | undefined;
    const keep = (): void => {
      if (ticket === undefined || info === undefined || this.#model.maxSessionKeys === 0) return;
      if (this.#sessions.size >= maxSessions) this.#sessions.clear();
      this.#sessions.set(key, { ticket, info, settings: settings.value });
    };
    socket.on('session', (fresh) => {
      ticket = fresh;
      keep();
    });
    const { n } = this.#stats;
    return new TlsConnecting(this.#context, socket, listener, this.#cluster.connectTimeoutMs, {
      judge: () => {
        // The certificate is not shown again on a resumed session: it was judged when the session was new.
        const resumed = socket.isSessionReused() ? session : undefined;
        const verdict =
          resumed === undefined
            ? check(socket.getPeerX509Certificate(), chainError(socket), name)
            : undefined;
        if (verdict === undefined) {
          n.sslHandshake++;
          info = resumed === undefined ? describeTls(socket, name) : { ...resumed.info, sessionReused: true };
          keep();
          return undefined;
        }
        n.sslConnectionError++;
        if (verdict === 'wrong_name') n.sslFailVerifySan++;
        else n.sslFailVerifyError++;
        this.#sessions.delete(key);
        return tlsErrorText('CERTIFICATE_VERIFY_FAILED');
      },
      describe: () => info,
      onError: (error) => {
        // Others are of the connection below: refused, unreachable.
        if (codeOf(error)?.startsWith('ERR_') !== true) return;
        n.sslConnectionError++;
        this.#sessions.delete(key);
      },
    });
  }
}

function chainError(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  const error: unknown = socket.authorizationError;
  return typeof error === 'string' ? error : (codeOf(error) ?? messageOf(error));
}

function failLater(context: ConnectorContext, listener: ConnectListener, detail: string): PendingConnection {
  let cancelled = false;
  queueMicrotask(() => {
    if (cancelled) return;
    context.turn.enter();
    try {
      listener.onFailed('connection_failure', detail);
    } finally {
      context.turn.leave();
    }
  });
  return { cancel: () => void (cancelled = true) };
}
