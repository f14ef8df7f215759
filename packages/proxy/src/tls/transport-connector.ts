import {
  TcpConnector,
  type ConnectListener,
  type Connector,
  type ConnectorContext,
  type Downstream,
  type PendingConnection,
} from '../cluster/connector.ts';
import type { Host } from '../cluster/host.ts';
import type { Cluster } from '../model/cluster.ts';
import type { JsonValue } from '../model/metadata.ts';
import type { UpstreamTransport } from '../model/tls.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import type { Turn } from '../wire/turn.ts';
import type { LazyOpenssl } from './openssl/openssl.ts';
import type { SecretStore } from './secret-store.ts';
import { TlsConnector } from './tls-connector.ts';

type Wanted = { readonly [key: string]: JsonValue };

function contains(metadata: Wanted | undefined, wanted: Wanted): boolean {
  return Object.entries(wanted).every(([key, value]) => metadata?.[key] === value);
}

/**
 * Connects to each host by the first transport whose match is contained in the host's
 * `envoy.transport_socket_match` metadata, else by the cluster's own.
 */
class MatchingConnector implements Connector {
  readonly #matches: readonly { readonly match: Wanted; readonly connector: Connector }[];
  readonly #standard: Connector;

  constructor(
    matches: readonly { readonly match: Wanted; readonly connector: Connector }[],
    standard: Connector,
  ) {
    this.#matches = matches;
    this.#standard = standard;
  }

  connect(
    host: Host,
    listener: ConnectListener,
    serverName?: string,
    downstream?: Downstream,
    protocols?: readonly string[],
  ): PendingConnection {
    const metadata = host.endpoint.metadata['envoy.transport_socket_match'];
    const found = this.#matches.find(({ match }) => contains(metadata, match));
    return (found?.connector ?? this.#standard).connect(host, listener, serverName, downstream, protocols);
  }
}

/** Notes what connections take to make, and lets their bytes be counted. */
class CountingConnector implements Connector {
  readonly uncounted: Connector;
  readonly #turn: Turn;
  readonly #stats: ClusterStats;

  constructor(inner: Connector, turn: Turn, stats: ClusterStats) {
    this.uncounted = inner;
    this.#turn = turn;
    this.#stats = stats;
  }

  connect(
    host: Host,
    listener: ConnectListener,
    serverName?: string,
    downstream?: Downstream,
    protocols?: readonly string[],
  ): PendingConnection {
    const startMs = this.#turn.nowMs;
    const counting: ConnectListener = {
      onConnected: (wire) => {
        this.#stats.connectTime.record(this.#turn.nowMs - startMs);
        wire.countInto(this.#stats.bytes);
        listener.onConnected(wire);
      },
      onFailed: (failure, detail) => listener.onFailed(failure, detail),
    };
    return this.uncounted.connect(host, counting, serverName, downstream, protocols);
  }
}

/** The connector of a cluster: plain TCP, TLS, or the one that each host asks for. */
export function createTransportConnector(
  context: ConnectorContext,
  cluster: Cluster,
  secrets: SecretStore,
  openssl: LazyOpenssl,
  stats: ClusterStats,
): Connector {
  const plain = new TcpConnector(context, cluster);
  const rawConnector = ({ proxyProtocol }: UpstreamTransport): Connector =>
    proxyProtocol === undefined ? plain : new TcpConnector(context, cluster, proxyProtocol);
  const of = (transport: UpstreamTransport): Connector =>
    transport.kind === 'raw'
      ? rawConnector(transport)
      : new TlsConnector(context, cluster, transport, secrets, openssl, stats);
  const counted = (inner: Connector): Connector => new CountingConnector(inner, context.turn, stats);
  if (cluster.transportMatches.length === 0) return counted(of(cluster.transport));
  const matching = new MatchingConnector(
    cluster.transportMatches.map(({ match, transport }) => ({ match, connector: of(transport) })),
    of(cluster.transport),
  );
  return counted(matching);
}
