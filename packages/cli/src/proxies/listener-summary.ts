import { listOf, messageIn, textIn, textsIn, typeOf, type Message } from './config-dump.ts';

/** Which listeners are shown; what is left out takes all. */
export interface ListenerFilter {
  readonly address?: string | undefined;
  readonly port?: string | undefined;
  readonly type?: string | undefined;
}

/** True where a listener is what was asked for. */
export function matchesListener(listener: Message, filter: ListenerFilter): boolean {
  const addresses = addressesOf(listener);
  return (
    (filter.address === undefined ||
      addresses.some(({ address }) => address === filter.address?.toLowerCase())) &&
    (filter.port === undefined || addresses.some(({ port }) => port === filter.port)) &&
    (filter.type === undefined || typeOfListener(listener) === filter.type.toUpperCase())
  );
}

/** The columns of `istioctl proxy-config listeners`. */
export function listenerRows(listeners: readonly Message[]): readonly (readonly string[])[] {
  const rows = listeners.flatMap((listener) => {
    const addresses = addressesOf(listener);
    const shown = addresses.map(({ address }) => address).join(',');
    const port = addresses[0]?.port ?? '';
    return chainsOf(listener).map((chain) => [shown, port, describeMatch(chain), destinationOf(chain)]);
  });
  const sorted = rows.toSorted(
    (a, b) => Number(a[1]) - Number(b[1]) || (a[0] ?? '').localeCompare(b[0] ?? ''),
  );
  return [['ADDRESSES', 'PORT', 'MATCH', 'DESTINATION'], ...sorted];
}

interface ListenerAddress {
  readonly address: string;
  readonly port: string;
}

function addressesOf(listener: Message): readonly ListenerAddress[] {
  const all = [
    messageIn(listener, 'address'),
    ...listOf(listener, 'additional_addresses').map((one) => messageIn(one, 'address')),
  ];
  return all.map((address) => {
    const socket = messageIn(address, 'socket_address');
    const pipe = textIn(messageIn(address, 'pipe'), 'path');
    return { address: pipe || textIn(socket, 'address'), port: textIn(socket, 'port_value') };
  });
}

function chainsOf(listener: Message): readonly Message[] {
  const standard = messageIn(listener, 'default_filter_chain');
  return [...listOf(listener, 'filter_chains'), ...(Object.keys(standard).length > 0 ? [standard] : [])];
}

function typeOfListener(listener: Message): string {
  const types = new Set(
    chainsOf(listener)
      .flatMap((chain) => listOf(chain, 'filters'))
      .map((filter) => filterType(filter)),
  );
  if (types.has('HttpConnectionManager')) return types.has('TcpProxy') ? 'HTTP+TCP' : 'HTTP';
  return types.has('TcpProxy') ? 'TCP' : 'UNKNOWN';
}

function filterType(filter: Message): string {
  return typeOf(messageIn(filter, 'typed_config')).split('.').at(-1) ?? '';
}

function describeMatch(chain: Message): string {
  const match = messageIn(chain, 'filter_chain_match');
  const parts: string[] = [];
  const names = textsIn(match, 'server_names');
  if (names.length > 0) parts.push(`SNI: ${names.join(',')}`);
  const transport = textIn(match, 'transport_protocol');
  if (transport !== '') parts.push(`Trans: ${transport}`);
  const applications = textsIn(match, 'application_protocols');
  if (applications.length > 0) parts.push(`App: ${applications.join(',')}`);
  const port = textIn(match, 'destination_port');
  const ranges = listOf(match, 'prefix_ranges').map((range) => {
    const length = textIn(range, 'prefix_len') || '32';
    return `${textIn(range, 'address_prefix')}/${length}`;
  });
  if (ranges.length > 0) parts.push(`Addr: ${ranges.join(',')}${port === '' ? '' : `:${port}`}`);
  else if (port !== '') parts.push(`Addr: *:${port}`);
  return parts.length === 0 ? 'ALL' : parts.join('; ');
}

/** Where a filter chain sends what it takes: a route configuration, a cluster, clusters by weight. */
function destinationOf(chain: Message): string {
  for (const filter of listOf(chain, 'filters')) {
    const config = messageIn(filter, 'typed_config');
    switch (filterType(filter)) {
      case 'HttpConnectionManager':
        return ofHttp(config);
      case 'TcpProxy':
        return ofTcp(config);
      case 'RedisProxy':
        return `Redis: ${textIn(config, 'stat_prefix')}`;
      default:
    }
  }
  return 'Non-HTTP/Non-TCP';
}

function ofHttp(config: Message): string {
  const name = textIn(messageIn(config, 'rds'), 'route_config_name');
  if (name !== '') return `Route: ${name}`;
  const inline = messageIn(config, 'route_config');
  const clusters = new Set(
    listOf(inline, 'virtual_hosts')
      .flatMap((host) => listOf(host, 'routes'))
      .map((route) => textIn(messageIn(route, 'route'), 'cluster'))
      .filter((cluster) => cluster !== ''),
  );
  if (clusters.size > 0) return [...clusters].map(shownCluster).join(', ');
  return textIn(inline, 'name') === '' ? 'Inline Route' : `Inline Route: ${textIn(inline, 'name')}`;
}

function ofTcp(config: Message): string {
  const cluster = textIn(config, 'cluster');
  if (cluster !== '') return shownCluster(cluster);
  return listOf(messageIn(config, 'weighted_clusters'), 'clusters')
    .map((one) => `${shownCluster(textIn(one, 'name'))} (weight ${textIn(one, 'weight')})`)
    .join(', ');
}

function shownCluster(name: string): string {
  return name.includes('|') || name.includes('_.') ? `Cluster: ${name}` : name;
}
