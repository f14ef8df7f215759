import { listOf, messageIn, textIn, type Message } from './config-dump.ts';

/** Which endpoints are shown; what is left out takes all. */
export interface EndpointFilter {
  readonly address?: string | undefined;
  readonly port?: string | undefined;
  readonly cluster?: string | undefined;
  readonly status?: string | undefined;
}

/** The columns of `istioctl proxy-config endpoints`, of Envoy's `/clusters?format=json`. */
export function endpointRows(clusters: Message, filter: EndpointFilter): readonly (readonly string[])[] {
  const rows = listOf(clusters, 'cluster_statuses').flatMap((cluster) => {
    const name = textIn(cluster, 'name');
    if (filter.cluster !== undefined && filter.cluster !== name) return [];
    return listOf(cluster, 'host_statuses').flatMap((host) => {
      const { address, port } = addressOf(host);
      const health = messageIn(host, 'health_status');
      const status = statusOf(health);
      if (filter.address !== undefined && filter.address !== address) return [];
      if (filter.port !== undefined && filter.port !== port) return [];
      if (filter.status !== undefined && filter.status.toUpperCase() !== status) return [];
      const outlier = health['failed_outlier_check'] === true ? 'FAILED' : 'OK';
      return [[port === '' ? address : `${address}:${port}`, status, outlier, name]];
    });
  });
  const sorted = rows.toSorted((a, b) => (a[0] ?? '').localeCompare(b[0] ?? ''));
  return [['ENDPOINT', 'STATUS', 'OUTLIER CHECK', 'CLUSTER'], ...sorted];
}

function addressOf(host: Message): { readonly address: string; readonly port: string } {
  const socket = messageIn(messageIn(host, 'address'), 'socket_address');
  const pipe = textIn(messageIn(messageIn(host, 'address'), 'pipe'), 'path');
  if (pipe !== '') return { address: `unix://${pipe}`, port: '' };
  return { address: textIn(socket, 'address'), port: textIn(socket, 'port_value') };
}

function statusOf(health: Message): string {
  if (health['failed_active_health_check'] === true) return 'UNHEALTHY';
  return textIn(health, 'eds_health_status') || 'HEALTHY';
}
