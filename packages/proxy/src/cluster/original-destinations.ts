import { headerName, type HeaderName } from '../codec/header-name.ts';
import { parseSocketAddress, type SocketAddress } from '../model/address.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Metadata } from '../model/metadata.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import type { Host } from './host.ts';
import { textIn } from './metadata-text.ts';

type Discovery = Extract<Cluster['discovery'], { kind: 'original_dst' }>;

/** What says where a request is to go. */
interface DestinationRequest {
  /** Where the client wanted to go. */
  readonly originalDestination: SocketAddress | undefined;
  headerValue?(name: HeaderName): string | undefined;
  readonly dynamicMetadata?: Metadata | undefined;
}

/** Where the requests of a cluster go that has its endpoints from them (Envoy, original destination). */
export class OriginalDestinations {
  readonly #rules: Discovery;
  /** In which requests say where they are to go. */
  readonly #header: HeaderName | undefined;

  constructor(rules: Discovery) {
    this.#rules = rules;
    this.#header = rules.useHttpHeader ? headerName(rules.httpHeaderName.toLowerCase()) : undefined;
  }

  /** Where a header or metadata say, else where the client wanted to go; undefined where that is not known. */
  addressOf(request: DestinationRequest, stats: ClusterStats): SocketAddress | undefined {
    const wanted = this.#named(request, stats) ?? request.originalDestination;
    if (wanted === undefined) return undefined;
    return { kind: 'socket', address: wanted.address, port: this.#rules.portOverride ?? wanted.port };
  }

  #named(request: DestinationRequest, stats: ClusterStats): SocketAddress | undefined {
    const header = this.#header;
    const inHeader = header === undefined ? undefined : request.headerValue?.(header);
    const text = inHeader ?? textIn(request.dynamicMetadata, this.#rules.metadataKey);
    if (text === undefined) return undefined;
    const address = parseSocketAddress(text);
    if (address === undefined) stats.n.originalDstHostInvalid++;
    return address;
  }
}

/** More than so many are forgotten where nothing goes to them. */
const maxHosts = 4_096;

/** Makes room for one more host, where some of very many are not in use. */
export function forgetUnused(hosts: Map<string, Host>): void {
  if (hosts.size < maxHosts) return;
  for (const [key, host] of hosts) {
    if (host.active !== 0 || host.cxActive !== 0) continue;
    host.shareConnections(undefined);
    hosts.delete(key);
  }
}
