import type { Problem } from '@lateen/core';
import { subsetCriteria } from '../decide/subset-criteria.ts';
import type { ListenerContext } from '../listener/compiled-listener.ts';
import { defaultIstioStats } from '../model/istio-stats.ts';
import type { FilterChain, Listener } from '../model/listener.ts';
import type { TcpProxy } from '../model/network-filter.ts';
import { compileAccessLog, type CompiledAccessLog } from '../telemetry/access-log.ts';
import type { TcpProxySetup } from './tcp-proxy-setup.ts';
import { compileTunnel } from './tunnel.ts';

/** Compiles a TCP proxy; what is wrong is added to `bad`. */
export function compileTcpProxy(
  filter: TcpProxy,
  chain: FilterChain,
  listener: Listener,
  context: ListenerContext,
  path: string,
  bad: Problem[],
): TcpProxySetup {
  const accessLogs: CompiledAccessLog[] = [];
  filter.accessLogs.forEach((log, i) => {
    const compiled = compileAccessLog(log, context);
    if (compiled.ok) accessLogs.push(compiled.value);
    else bad.push(...compiled.problems.map((p) => ({ ...p, path: `${path}.access_log[${i}].${p.path}` })));
  });
  let totalWeight = 0;
  const targets = filter.clusters.map(({ name, weight, metadataMatch }) => ({
    ref: context.clusterRef(name),
    upTo: (totalWeight += weight),
    subset: subsetCriteria(filter.metadataMatch, metadataMatch),
  }));
  const statsFilter = chain.filters.find((one) => one.kind === 'istio_stats');
  const scope = statsFilter === undefined ? undefined : context.meshMetrics.scope(statsFilter.options);
  const { onDemand, tunnel, logOnConnected = false, logIntervalMs = 0 } = filter;
  return {
    targets,
    byServerName: chain.filters.some((one) => one.kind === 'sni_cluster')
      ? context.requestedCluster
      : undefined,
    totalWeight,
    idleTimeoutMs: filter.idleTimeoutMs,
    maxDurationMs: filter.maxDownstreamConnectionDurationMs,
    maxConnectAttempts: Math.max(1, filter.maxConnectAttempts),
    fetchCluster:
      onDemand === undefined
        ? undefined
        : (name, done) =>
            context.filterServices.onDemand.cluster(name, onDemand.source, onDemand.timeoutMs, done),
    tunnel:
      tunnel === undefined
        ? undefined
        : compileTunnel(
            tunnel,
            context,
            accessLogs.some(({ asksBytes }) => asksBytes),
            path,
            bad,
          ),
    accessLogs,
    logOnConnected,
    logIntervalMs,
    stats: context.tcpStats(filter.statPrefix),
    turn: context.turn,
    timers: context.timers,
    random: context.random,
    hash: filter.hashPolicies.some(({ kind }) => kind === 'source_ip')
      ? (ip) => context.hash.xxHash64(ip)
      : undefined,
    observe: scope === undefined ? undefined : (info) => scope.connection(info, listener.trafficDirection),
    reportIntervalMs: (statsFilter?.options ?? defaultIstioStats).reportIntervalMs,
  };
}
