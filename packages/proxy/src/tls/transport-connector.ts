import {
  TcpConnector,
  type ConnectListener,
  type Connector,
  type ConnectorContext,
  type PendingConnection,
} from '../cluster/connector.ts';
import type { Host } from '../cluster/host.ts';
import type { Cluster } from '../model/cluster.ts';
import type { JsonValue } from '../model/metadata.ts';
import type { UpstreamTransport } from '../model/tls.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
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

  connect(host: Host, listener: ConnectListener, serverName?: string): PendingConnection {
    const metadata = host.endpoint.metadata['envoy.transport_socket_match'];
    const found = this.#matches.find(({ match }) => contains(metadata, match));
    return (found?.connector ?? this.#standard).connect(host, listener, serverName);
  }
}

/** The connector of a cluster: plain TCP, TLS, or the one that each host asks for. */
export function createTransportConnector(
  context: ConnectorContext,
  cluster: Cluster,
  secrets: SecretStore,
  stats: ClusterStats,
): Connector {
  const plain = new TcpConnector(context, cluster);
  const of = (transport: UpstreamTransport): Connector =>
    transport.kind === 'raw' ? plain : new TlsConnector(context, cluster, transport, secrets, stats);
  if (cluster.transportMatches.length === 0) return of(cluster.transport);
  return new MatchingConnector(
    cluster.transportMatches.map(({ match, transport }) => ({ match, connector: of(transport) })),
    of(cluster.transport),
  );
}
