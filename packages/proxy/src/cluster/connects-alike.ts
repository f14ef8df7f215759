import type { Cluster } from '../model/cluster.ts';

/** True where connections made for one version of a cluster serve the other as well. */
export function connectsAlike(a: Cluster, b: Cluster): boolean {
  const picture = (c: Cluster): string =>
    JSON.stringify([
      // Connections count where they were made.
      c.statName ?? c.name,
      c.discovery.kind,
      c.http,
      c.transport,
      c.transportMatches,
      c.sourceAddress,
      c.extraSourceAddresses,
      c.tcpKeepalive,
      c.connectTimeoutMs,
      c.happyEyeballs,
      c.maxHostConnections,
      c.preconnectRatio,
    ]);
  return picture(a) === picture(b);
}
