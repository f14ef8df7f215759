import type { Cluster, Discovery } from '../model/cluster.ts';

/**
 * True for clusters of which a version serves only when it knows its hosts: where their names are resolved first, and
 * where each is to be checked once. Source: Envoy, "Cluster manager", cluster warming.
 */
export function awaitsHosts({ discovery, healthChecks }: Cluster): boolean {
  if (discovery.kind === 'original_dst' || discovery.kind === 'aggregate') return false;
  return healthChecks.length > 0 || awaitsNames(discovery);
}

/** True where somebody has to be asked who the hosts are, and the answer waited for (`wait_for_warm_on_init`). */
export function awaitsNames(discovery: Discovery): boolean {
  switch (discovery.kind) {
    case 'redis':
      return true;
    case 'strict_dns':
    case 'logical_dns':
      return discovery.warms !== false;
    default:
      return false;
  }
}
