import { headerName, type HeaderName } from '../codec/header-name.ts';
import { formatAddress, parseSocketAddress, type SocketAddress } from '../model/address.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Metadata } from '../model/metadata.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import { endpointAt, type Host } from './host.ts';
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

  readonly #stats: ClusterStats;
  readonly #createHost: (endpoint: Endpoint) => Host;

  constructor(rules: Discovery, stats: ClusterStats, createHost: (endpoint: Endpoint) => Host) {
    this.#rules = rules;
    this.#stats = stats;
    this.#createHost = createHost;
    this.#header = rules.useHttpHeader ? headerName(rules.httpHeaderName.toLowerCase()) : undefined;
  }

  /** The host that a request is for, among these or added to them; undefined where that is not known. */
  hostOf(request: DestinationRequest, hosts: Map<string, Host>): Host | undefined {
    const address = this.#addressOf(request);
    if (address === undefined) return undefined;
    const key = formatAddress(address);
    const known = hosts.get(key);
    if (known !== undefined) return known;
    forgetUnused(hosts);
    const host = this.#createHost(endpointAt(address));
    hosts.set(key, host);
    this.#stats.n.membershipChange++;
    this.#stats.n.membershipTotal = hosts.size;
    this.#stats.n.membershipHealthy = hosts.size;
    return host;
  }

  /** Where a header or metadata say, else where the client wanted to go. */
  #addressOf(request: DestinationRequest): SocketAddress | undefined {
    const wanted = this.#named(request) ?? request.originalDestination;
    if (wanted === undefined) return undefined;
    return { kind: 'socket', address: wanted.address, port: this.#rules.portOverride ?? wanted.port };
  }

  #named(request: DestinationRequest): SocketAddress | undefined {
    const header = this.#header;
    const inHeader = header === undefined ? undefined : request.headerValue?.(header);
    const text = inHeader ?? textIn(request.dynamicMetadata, this.#rules.metadataKey);
    if (text === undefined) return undefined;
    const address = parseSocketAddress(text);
    if (address === undefined) this.#stats.n.originalDstHostInvalid++;
    return address;
  }
}

/** More than so many are forgotten where nothing goes to them. */
const maxHosts = 4_096;

/** Makes room for one more host, where some of very many are not in use. */
function forgetUnused(hosts: Map<string, Host>): void {
  if (hosts.size < maxHosts) return;
  for (const [key, host] of hosts) {
    if (host.active !== 0 || host.cxActive !== 0) continue;
    host.shareConnections(undefined);
    hosts.delete(key);
  }
}
