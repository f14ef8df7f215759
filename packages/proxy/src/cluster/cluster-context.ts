import type { Clock } from '@lateen/core';
import type { HeadPool } from '../codec/head.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import type { ConnectionIds } from '../workers/connection-ids.ts';
import type { ThreadShare } from '../workers/thread-share.ts';
import type { HashFunction } from './balancer/hash-function.ts';
import type { Connector, ConnectorContext } from './connector.ts';
import type { LocalCluster } from './local-cluster.ts';
import type { UpstreamCluster } from './upstream-cluster.ts';

/** What clusters share in a data plane. */
export interface ClusterContext extends ConnectorContext {
  readonly heads: HeadPool;
  readonly random: () => number;
  readonly clock: Clock;
  readonly connectionIds: ConnectionIds;
  /** Loaded before a cluster that needs it is made. */
  readonly hash: HashFunction;
  /** The clusters of others, for those that stand for them. */
  readonly clusterRef: (name: string) => { readonly cluster: UpstreamCluster | undefined };
  readonly createConnector: (cluster: Cluster, stats: ClusterStats) => Connector;
  readonly runtime: Runtime;
  /** Where other threads of this process serve the same clusters. */
  readonly share?: ThreadShare | undefined;
  /** The cluster that the proxy is part of, where it has been told. */
  readonly localCluster?: LocalCluster | undefined;
}
