import type { HeaderBlock } from '../../codec/header-block.ts';
import { headerName, names } from '../../codec/header-name.ts';
import type { SocketAddress } from '../../model/address.ts';
import type { JsonValue, Metadata } from '../../model/metadata.ts';
import { grpcStatusOf } from '../grpc-status.ts';
import type { Peer } from '../peer.ts';
import type { StreamInfo } from '../stream-info.ts';
import type { CelMap, CelRoot, CelRoots, CelValue } from './cel-evaluation.ts';

/** What expressions are told of. */
export interface CelContext {
  readonly info: StreamInfo;
  /** The client and the endpoint, where they are known; undefined where nobody asks who they are. */
  readonly peers: { readonly downstream: Peer | undefined; readonly upstream: Peer | undefined } | undefined;
  readonly node: CelMap | undefined;
}

type Read = (info: StreamInfo) => CelValue;
const nonEmpty = (text: string | undefined): CelValue => (text === '' ? undefined : text);

/** A root that has these members and no others. */
function closed(members: readonly string[], read: (context: CelContext) => CelValue): CelRoot<CelContext> {
  return Object.assign(read, { members: new Set(members) });
}

function attributes(table: Readonly<Record<string, Read>>): CelRoot<CelContext> {
  return closed(Object.keys(table), ({ info }) => ({
    member: (key) => (Object.hasOwn(table, key) ? table[key]?.(info) : undefined),
  }));
}

function headers(block: HeaderBlock | undefined): CelMap {
  return { member: (key) => block?.get(headerName(key.toLowerCase())) };
}

/** A value of JSON as expressions see it. */
export function celOf(value: JsonValue | undefined): CelValue {
  if (Array.isArray(value)) return value.map(celOf);
  if (typeof value !== 'object' || value === null) return value;
  const object = value as { readonly [key: string]: JsonValue };
  return { member: (key) => (Object.hasOwn(object, key) ? celOf(object[key]) : undefined) };
}

/** Metadata by `filter_metadata`, as its message has it. */
function metadata(of: Metadata | undefined): CelValue {
  if (of === undefined) return undefined;
  const map = celOf(of);
  return { member: (key) => (key === 'filter_metadata' ? map : undefined) };
}

function ends(address: SocketAddress | undefined): CelMap {
  return {
    member(key) {
      if (address === undefined) return undefined;
      if (key === 'port') return address.port;
      return key === 'address' ? `${address.address}:${address.port}` : undefined;
    },
  };
}

function header(name: Parameters<HeaderBlock['get']>[0]): Read {
  return ({ request }) => request?.headers.get(name);
}

const referer = headerName('referer');

const request: Readonly<Record<string, Read>> = {
  path: (i) => i.request?.path,
  url_path: (i) => i.request?.path.split('?', 1)[0],
  query: (i) => {
    const path = i.request?.path;
    const at = path?.indexOf('?') ?? -1;
    return path === undefined ? undefined : at < 0 ? '' : path.slice(at + 1);
  },
  host: (i) => i.request?.authority,
  scheme: (i) => i.request?.scheme,
  method: (i) => i.request?.method,
  headers: (i) => headers(i.request?.headers),
  referer: header(referer),
  useragent: header(names.userAgent),
  id: header(names.requestId),
  protocol: (i) => i.request?.version,
  duration: (i) => i.durationMs,
  size: (i) => i.bytesReceived,
  total_size: (i) => i.bytesReceived,
};

const response: Readonly<Record<string, Read>> = {
  code: (i) => (i.status === 0 ? undefined : i.status),
  code_details: (i) => nonEmpty(i.details.replaceAll(' ', '_')),
  flags: (i) => i.flags,
  grpc_status: (i) => grpcStatusOf(i),
  headers: (i) => headers(i.response?.headers),
  trailers: (i) => headers(i.responseTrailers),
  size: (i) => i.bytesSent,
  total_size: (i) => i.bytesSent,
};

const connection: Readonly<Record<string, Read>> = {
  id: (i) => i.connectionId,
  mtls: (i) => i.downstreamTls?.peerCertificate !== undefined,
  requested_server_name: (i) => nonEmpty(i.requestedServerName),
  tls_version: (i) => i.downstreamTls?.version,
  subject_local_certificate: (i) => i.downstreamTls?.own?.subject,
  subject_peer_certificate: (i) => nonEmpty(i.downstreamTls?.peerSubject),
  uri_san_local_certificate: (i) => i.downstreamTls?.own?.uriSans[0],
  uri_san_peer_certificate: (i) => i.downstreamTls?.peerUriSans[0],
  dns_san_local_certificate: (i) => i.downstreamTls?.own?.dnsSans[0],
  dns_san_peer_certificate: (i) => i.downstreamTls?.peerDnsSans[0],
};

const upstream: Readonly<Record<string, Read>> = {
  address: (i) => nonEmpty(i.upstreamHost),
  port(i) {
    const address = i.endpoint?.address;
    return address?.kind === 'socket' ? address.port : undefined;
  },
  local_address: (i) => nonEmpty(i.upstreamLocal),
  transport_failure_reason: (i) => nonEmpty(i.upstreamFailure),
  request_attempt_count: (i) => i.attempts,
};

const xds: Readonly<Record<string, Read>> = {
  cluster_name: (i) => nonEmpty(i.upstreamCluster),
  cluster_metadata: (i) => metadata(i.upstreamModel?.metadata),
  route_name: (i) => nonEmpty(i.routeName),
  route_metadata: (i) => metadata(i.routeMetadata),
  virtual_host_name: (i) => nonEmpty(i.virtualHost),
  upstream_host_metadata: (i) => metadata(i.endpoint?.endpoint.metadata),
};

/** What Istio calls the fields of a peer. */
function peer(of: Peer | undefined): CelValue {
  if (of === undefined) return undefined;
  const fields: Readonly<Record<string, string>> = {
    workload: of.workload,
    namespace: of.namespace,
    service: of.canonicalService,
    revision: of.canonicalRevision,
    app: of.app,
    version: of.version,
    cluster: of.cluster,
  };
  return { member: (key) => (Object.hasOwn(fields, key) ? fields[key] : undefined) };
}

const endMembers = ['address', 'port'];
const peerMembers = ['workload', 'namespace', 'service', 'revision', 'app', 'version', 'cluster'];

/** Envoy's attributes (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes). */
export const celRoots: CelRoots<CelContext> = {
  request: attributes(request),
  response: attributes(response),
  connection: attributes(connection),
  upstream: attributes(upstream),
  xds: attributes(xds),
  source: closed(endMembers, ({ info }) => ends(info.downstreamRemote)),
  destination: closed(endMembers, ({ info }) => ends(info.downstreamLocal)),
  metadata: closed(['filter_metadata'], ({ info }) => metadata(info.dynamicMetadata)),
  route_name: ({ info }) => nonEmpty(info.routeName),
  cluster_name: ({ info }) => nonEmpty(info.upstreamCluster),
  node: ({ node }) => node,
  upstream_peer: closed(peerMembers, ({ peers }) => peer(peers?.upstream)),
  downstream_peer: closed(peerMembers, ({ peers }) => peer(peers?.downstream)),
};
