import { NumberGroup } from './number-group.ts';

const names = {
  unknownReached: ['max_upstream_unknown_connections_reached', 'counter'],
} as const;

/** What Redis proxies did with a cluster, Envoy's `cluster.NAME.redis_cluster.…`. */
export class RedisClusterStats extends NumberGroup<typeof names> {
  constructor(cluster: string) {
    const prefix = `cluster.${cluster}.redis_cluster.`;
    super(prefix, 'envoy_cluster_redis_cluster_', { cluster_name: cluster }, names);
  }
}
