import type { HeadPool } from '../../codec/head.ts';
import type { Cluster } from '../../model/cluster.ts';
import type { ClusterStats } from '../../telemetry/cluster-stats.ts';
import type { CoarseTimers } from '../../timer/coarse-timers.ts';
import type { ClusterBreakers } from '../breakers.ts';
import type { Connector } from '../connector.ts';
import type { PoolContext } from './http1-pool.ts';

/** What pools share in a data plane. */
interface PoolSurroundings {
  readonly heads: HeadPool;
  readonly timers: CoarseTimers;
  readonly createConnector: (cluster: Cluster, stats: ClusterStats) => Connector;
}

/** What the pools of a cluster are made with. */
export function poolContextOf(
  model: Cluster,
  { heads, timers, createConnector }: PoolSurroundings,
  breakers: ClusterBreakers,
  stats: ClusterStats,
  nextConnectionId: () => number,
): PoolContext {
  const { http } = model;
  return {
    connector: createConnector(model, stats),
    stats,
    maxHostConnections: model.maxHostConnections ?? Number.POSITIVE_INFINITY,
    preconnectRatio: model.preconnectRatio ?? 1,
    nextConnectionId,
    breakersOf: (priority) => breakers[priority],
    http1: {
      maxHeadBytes: 64 * 1024,
      maxHeaders: http.maxHeaders ?? 100,
      preserveHeaderCase: http.preserveHeaderCase,
      properCase: http.properCase === true,
      sendFullUrl: http.sendFullUrl === true,
      enableTrailers: http.enableTrailers,
      idleTimeoutMs: http.idleTimeoutMs,
      maxRequests: http.maxRequestsPerConnection,
    },
    maxConnectionDurationMs: http.maxConnectionDurationMs,
    heads,
    timers,
  };
}
