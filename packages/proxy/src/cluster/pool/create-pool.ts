import { http2Limits } from '../../http2/limits.ts';
import type { Cluster } from '../../model/cluster.ts';
import type { Turn } from '../../wire/turn.ts';
import type { Host } from '../host.ts';
import { DownstreamProtocolPool } from './downstream-protocol-pool.ts';
import { Http1Pool, type PoolContext } from './http1-pool.ts';
import { Http2Pool } from './http2-pool.ts';
import type { HttpPool } from './http-pool.ts';
import { NegotiatedPool } from './negotiated-pool.ts';

/** The connections to a host, in the version of HTTP that its cluster asks for. */
export function createHttpPool(host: Host, cluster: Cluster, context: PoolContext, turn: Turn): HttpPool {
  switch (cluster.http.protocol) {
    case 'http2':
      return http2Pool(host, cluster, context, turn);
    case 'downstream':
      return new DownstreamProtocolPool(
        new Http1Pool(host, context),
        http2Pool(host, cluster, context, turn),
      );
    case 'auto':
      return new NegotiatedPool(host, context, turn, (protocol, connector) =>
        protocol === 'http2'
          ? http2Pool(host, cluster, { ...context, connector }, turn)
          : new Http1Pool(host, { ...context, connector }),
      );
    default:
      return new Http1Pool(host, context);
  }
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
