import { partsOfClusterName } from './cluster-name.ts';
import { madeOf, messageIn, textIn, type Message } from './config-dump.ts';

/** Which clusters are shown; what is left out takes all. */
export interface ClusterFilter {
  readonly fqdn?: string | undefined;
  readonly port?: string | undefined;
  readonly subset?: string | undefined;
  readonly direction?: string | undefined;
}

/** True where a cluster is what was asked for. */
export function matchesCluster(cluster: Message, filter: ClusterFilter): boolean {
  const name = textIn(cluster, 'name');
  const parts = partsOfClusterName(name);
  const same = (wanted: string | undefined, is: string | undefined): boolean =>
    wanted === undefined || wanted === is;
  return (
    (filter.fqdn === undefined || (parts?.host ?? name).includes(filter.fqdn)) &&
    same(filter.port, parts?.port) &&
    same(filter.subset, parts?.subset) &&
    same(filter.direction, parts?.direction)
  );
}

/** The columns of `istioctl proxy-config clusters`. */
export function clusterRows(clusters: readonly Message[]): readonly (readonly string[])[] {
  const rows = clusters.map((cluster) => {
    const name = textIn(cluster, 'name');
    const { host, port, subset, direction } = partsOfClusterName(name) ?? {};
    const shown = host === undefined ? name : host;
    return [shown, port || '-', subset || '-', direction || '-', typeOfCluster(cluster), madeOf(cluster)];
  });
  const sorted = rows.toSorted(
    (a, b) => (a[0] ?? '').localeCompare(b[0] ?? '') || Number(a[1]) - Number(b[1]),
  );
  return [['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'], ...sorted];
}

function typeOfCluster(cluster: Message): string {
  return textIn(cluster, 'type') || textIn(messageIn(cluster, 'cluster_type'), 'name') || 'STATIC';
}
