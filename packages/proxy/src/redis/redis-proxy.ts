import type { Problem } from '@lateen/core';
import type { ListenerContext, ServeConnection } from '../listener/compiled-listener.ts';
import type { RedisProxy } from '../model/redis.ts';
import { RedisClusterStats } from '../telemetry/redis-cluster-stats.ts';
import { readDataSource } from '../tls/data-source.ts';
import { KeyRoutes } from './key-routes.ts';
import { RedisConnection, type RedisSetup } from './redis-connection.ts';
import { Splitter, type SplitterContext } from './splitter.ts';
import { RedisUpstreams } from './upstreams.ts';

/** Compiles `envoy.filters.network.redis_proxy`; what is wrong is added to `bad`. */
export function compileRedisProxy(
  model: RedisProxy,
  context: ListenerContext,
  path: string,
  bad: Problem[],
): ServeConnection {
  const { clusterRef, random, timers, clock, filterServices } = context;
  const read = (source: RedisProxy['passwords'][number], field: string): Buffer => {
    const bytes = readDataSource(source, `${path}.${field}`);
    if (bytes.ok) return bytes.value;
    bad.push(...bytes.problems);
    return Buffer.alloc(0);
  };
  const nowMs = (): number => clock.monotonicMs();
  const split: SplitterContext = {
    model,
    routes: new KeyRoutes(model, clusterRef, random),
    upstreams: new RedisUpstreams(timers, nowMs, model, (cluster) =>
      filterServices.statGroup(`redis cluster ${cluster}`, () => new RedisClusterStats(cluster)),
    ),
    random,
  };
  const setup: RedisSetup = {
    ...split,
    splitter: new Splitter(split),
    stats: context.redisStats(model.statPrefix),
    credentials: {
      passwords: model.passwords.map((source, i) => read(source, `downstream_auth_passwords[${i}]`)),
      username: model.username === undefined ? undefined : read(model.username, 'downstream_auth_username'),
    },
    timers,
    nowMs,
  };
  return (wire, _info, onClosed) => new RedisConnection(setup, wire, onClosed);
}
