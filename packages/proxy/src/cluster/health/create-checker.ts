import type { HeadPool } from '../../codec/head.ts';
import type { Clock } from '@lateen/core';
import type { Cluster } from '../../model/cluster.ts';
import { ClusterStats } from '../../telemetry/cluster-stats.ts';
import type { LogWriter } from '../../telemetry/log-files.ts';
import type { Turn } from '../../wire/turn.ts';
import { OwnBreakers } from '../breakers.ts';
import { createHttpPool } from '../pool/create-pool.ts';
import type { PoolContext } from '../pool/http1-pool.ts';
import { HealthChecker, type HealthCheckerContext } from './health-checker.ts';

/** What checkers of all clusters are made with. */
interface CheckingContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly heads: HeadPool;
  readonly turn: Turn;
  readonly writeLog?: LogWriter | undefined;
}

const unlimited = Number.MAX_SAFE_INTEGER;

/** Checks the hosts of a cluster over connections that count neither in its limits nor in its statistics. */
export function createChecker(
  model: Cluster,
  { clock, random, heads, turn, writeLog }: CheckingContext,
  pools: PoolContext,
  cluster: Pick<HealthCheckerContext, 'stats' | 'hosts' | 'onChange' | 'onSuccess' | 'hasTraffic'>,
): HealthChecker {
  const connector = pools.connector.uncounted ?? pools.connector;
  const ofChecks: PoolContext = {
    ...pools,
    connector,
    stats: new ClusterStats(''),
    maxHostConnections: Number.POSITIVE_INFINITY,
    preconnectRatio: 1,
    breakersOf: () =>
      new OwnBreakers({
        maxConnections: unlimited,
        maxPendingRequests: unlimited,
        maxRequests: unlimited,
        maxRetries: unlimited,
        trackRemaining: false,
      }),
  };
  const checker = new HealthChecker(model, {
    ...cluster,
    clock,
    random,
    heads,
    writeLog,
    connector,
    createPool: (host, protocol) =>
      createHttpPool(host, { ...model, http: { ...model.http, protocol } }, ofChecks, turn),
  });
  checker.onHosts();
  return checker;
}
