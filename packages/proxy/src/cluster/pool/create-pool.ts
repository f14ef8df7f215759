import { http2Limits } from '../../http2/limits.ts';
import type { AlpnOverride } from '../../model/alpn-override.ts';
import type { Cluster } from '../../model/cluster.ts';
import type { Turn } from '../../wire/turn.ts';
import type { Downstream } from '../connector.ts';
import type { Host } from '../host.ts';
import { connectorFor } from './client-pools.ts';
import { DownstreamProtocolPool } from './downstream-protocol-pool.ts';
import { Http1Pool, type PoolContext } from './http1-pool.ts';
import { Http2Pool } from './http2-pool.ts';
import type { HttpPool } from './http-pool.ts';
import { NegotiatedPool } from './negotiated-pool.ts';

/** Whose requests a pool carries, where it is not everybody's. */
export interface PoolUsers {
  /** The one client; undefined: all. */
  readonly downstream: Downstream | undefined;
  /** Those whose listeners want this offered; undefined: all. */
  readonly alpn: AlpnOverride | undefined;
  /** Those for this host; undefined: all. */
  readonly serverName?: string | undefined;
}

/** The connections to a host, in the version of HTTP that its cluster asks for. */
export function createHttpPool(
  host: Host,
  cluster: Cluster,
  context: PoolContext,
  turn: Turn,
  users?: PoolUsers,
): HttpPool {
  const http1 = (): HttpPool => new Http1Pool(host, contextFor(context, users, users?.alpn?.http1));
  const http2 = (): HttpPool =>
    http2Pool(host, cluster, contextFor(context, users, users?.alpn?.http2), turn);
  switch (cluster.http.protocol) {
    case 'http2':
      return http2();
    case 'downstream':
      return new DownstreamProtocolPool(http1(), http2());
    case 'auto':
      return new NegotiatedPool(host, contextFor(context, users, undefined), turn, (protocol, connector) =>
        protocol === 'http2'
          ? http2Pool(host, cluster, { ...context, connector }, turn)
          : new Http1Pool(host, { ...context, connector }),
      );
    default:
      return http1();
  }
}

function contextFor(
  context: PoolContext,
  users: PoolUsers | undefined,
  protocols: readonly string[] | undefined,
): PoolContext {
  if (users === undefined) return context;
  return {
    ...context,
    connector: connectorFor(context.connector, users.downstream, protocols, users.serverName),
  };
}

function http2Pool(host: Host, cluster: Cluster, context: PoolContext, turn: Turn): Http2Pool {
  const { maxHeadBytes, maxHeaders, idleTimeoutMs, maxRequests } = context.http1;
  return new Http2Pool(host, {
    ...context,
    turn,
    http2: { ...http2Limits(cluster.http.http2), maxHeadBytes, maxHeaders, idleTimeoutMs, maxRequests },
    http2Stats: context.stats.http2,
  });
}
