import { silentLogger, systemClock } from '@lateen/core';
import { LazyHashFunction } from '../../cluster/balancer/hash-function.ts';
import { ClusterSet, type ClusterRef } from '../../cluster/cluster-set.ts';
import type { ClusterContext } from '../../cluster/cluster-context.ts';
import { HeadPool } from '../../codec/head.ts';
import type { Cluster } from '../../model/index.ts';
import { Runtime } from '../../runtime/runtime.ts';
import { StatsRegistry } from '../../telemetry/stats-registry.ts';
import type { Closers } from '../../testing/harness.ts';
import { CoarseTimers } from '../../timer/coarse-timers.ts';
import { LazyOpenssl } from '../../tls/openssl/openssl.ts';
import { SecretStore } from '../../tls/secret-store.ts';
import { createTransportConnector } from '../../tls/transport-connector.ts';
import { LazyTransparentSockets } from '../../wire/transparent-socket.ts';
import { ConnectionIds } from '../../workers/connection-ids.ts';
import { Turn } from '../../wire/turn.ts';
import type { CallContext } from '../http-call.ts';

/** Clusters at work without listeners, and what calls through them need. */
export function startClusters(
  test: Closers,
  models: readonly Cluster[],
): { readonly context: CallContext; readonly ref: (name: string) => ClusterRef } {
  const turn = new Turn();
  const timers = new CoarseTimers(turn);
  const openssl = new LazyOpenssl();
  const secrets = new SecretStore(openssl);
  const context: ClusterContext = {
    turn,
    timers,
    transparent: new LazyTransparentSockets(),
    heads: new HeadPool(),
    random: Math.random,
    runtime: new Runtime(),
    clock: systemClock,
    connectionIds: new ConnectionIds(),
    hash: new LazyHashFunction(),
    writeLog() {},
    clusterRef: (name) => clusters.ref(name),
    readBuffer: Buffer.allocUnsafeSlow(64 * 1024),
    createConnector: (model, stats) => createTransportConnector(context, model, secrets, openssl, stats),
  };
  const clusters = new ClusterSet(context, new StatsRegistry(), silentLogger);
  clusters.update({ set: models }, undefined);
  test.after(() => {
    clusters.close();
    timers.close();
  });
  return { context, ref: (name) => clusters.ref(name) };
}
