import { isIP } from 'node:net';
import type { Cluster } from '../model/cluster.ts';
import type { UpstreamTls } from '../model/tls.ts';
import {
  TcpConnector,
  type ConnectListener,
  type Connector,
  type ConnectorContext,
  type Downstream,
  type PendingConnection,
} from '../cluster/connector.ts';
import type { Host } from '../cluster/host.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import { clientTls, SessionCache } from './client-tls.ts';
import { encodeProtocols } from './openssl/context.ts';
import type { LazyOpenssl } from './openssl/openssl.ts';
import type { SecretStore } from './secret-store.ts';
import { TlsConnecting } from './tls-connecting.ts';
import { FollowingTlsSettings } from './tls-context.ts';

/** What is offered where the cluster says no protocols, by how it speaks HTTP. */
const offered: Readonly<Record<string, readonly string[]>> = { auto: ['h2', 'http/1.1'], http2: ['h2'] };

/** TLS connections as a cluster asks for them; sessions are resumed. */
export class TlsConnector implements Connector {
  readonly #context: ConnectorContext;
  readonly #cluster: Cluster;
  readonly #model: UpstreamTls;
  readonly #settings: FollowingTlsSettings;
  readonly #stats: ClusterStats;
  readonly #tcp: TcpConnector;
  readonly #protocols: Buffer;
  readonly #sessions: SessionCache | undefined;

  constructor(
    context: ConnectorContext,
    cluster: Cluster,
    model: UpstreamTls,
    secrets: SecretStore,
    openssl: LazyOpenssl,
    stats: ClusterStats,
  ) {
    this.#context = context;
    this.#cluster = cluster;
    this.#model = model;
    this.#stats = stats;
    this.#tcp = new TcpConnector(context, cluster, model.proxyProtocol);
    const { alpn } = model.options;
    this.#protocols = encodeProtocols(alpn.length > 0 ? alpn : (offered[cluster.http.protocol] ?? []));
    this.#sessions = model.maxSessionKeys > 0 ? new SessionCache(model.maxSessionKeys) : undefined;
    this.#settings = new FollowingTlsSettings(openssl, model.options, secrets, {
      sanIsServerName: model.autoSanValidation,
      writeLog: context.writeLog,
    });
  }

  connect(
    host: Host,
    listener: ConnectListener,
    serverName?: string,
    downstream?: Downstream,
    protocols?: readonly string[],
  ): PendingConnection {
    const settings = this.#settings.current();
    const { sni, autoSni, autoSanValidation } = this.#model;
    const asked = serverName?.replace(/^\[(.*)\]$/, '$1');
    if (!settings.ok) {
      const [first] = settings.problems;
      return failLater(this.#context, listener, `TLS cannot be used: ${first?.message ?? ''}`);
    }
    const client = clientTls({
      settings: settings.value,
      sessions: this.#sessions,
      hostKey: host.key,
      // No SNI is an address (RFC 6066 section 3).
      serverName: autoSni && asked !== undefined && isIP(asked) === 0 ? asked : sni,
      verifiedName: autoSanValidation ? (asked ?? sni) : '',
      protocols: protocols === undefined ? this.#protocols : encodeProtocols(protocols),
      stats: this.#stats,
    });
    return new TlsConnecting(this.#context, client, listener, this.#cluster.connectTimeoutMs, (inner) =>
      this.#tcp.connect(host, inner, undefined, downstream),
    );
  }
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
