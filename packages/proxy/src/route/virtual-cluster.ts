import { compileHeaderMatch, type RequestTest, type RoutableRequest } from '../decide/header-match.ts';
import type { VirtualCluster, VirtualHost } from '../model/route.ts';
import { VirtualClusterStats } from '../telemetry/virtual-cluster-stats.ts';

/** What requests of a virtual host are counted as. */
export interface CompiledVirtualCluster {
  /** Undefined for all that no name is there for: logs have none, and statistics are those of `other`. */
  readonly name: string | undefined;
  readonly stats: VirtualClusterStats;
}

/** What a virtual host counts a request as. */
export type VirtualClusterChoice = (request: RoutableRequest) => CompiledVirtualCluster;

/** The statistics of a virtual host's requests of a name. */
export type VirtualClusterStatsOf = (host: string, name: string) => VirtualClusterStats;

const nobodySees: VirtualClusterStatsOf = (host, name) => new VirtualClusterStats(host, name);

/** Undefined where the host names none. Throws where a regular expression is none. */
export function compileVirtualClusters(
  { name: host, virtualClusters }: VirtualHost,
  statsOf: VirtualClusterStatsOf = nobodySees,
): VirtualClusterChoice | undefined {
  if (virtualClusters === undefined) return undefined;
  const compiled = virtualClusters.map((one) => ({
    name: one.name,
    tests: testsOf(one),
    stats: statsOf(host, one.name),
  }));
  const other: CompiledVirtualCluster = { name: undefined, stats: statsOf(host, 'other') };
  return (request) => compiled.find(({ tests }) => tests.every((test) => test(request))) ?? other;
}

function testsOf({ headers }: VirtualCluster): readonly RequestTest[] {
  return headers.map(compileHeaderMatch);
}
