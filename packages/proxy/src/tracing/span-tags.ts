import { headerName, names } from '../codec/header-name.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { RequestHead } from '../codec/head.ts';
import { formatFlags } from '../telemetry/response-flags.ts';
import type { CompiledTag, TaggedRequest } from '../telemetry/custom-tags.ts';
import type { Span } from './span.ts';

const downstreamCluster = headerName('x-envoy-downstream-service-cluster');
export const clientTraceId = headerName('x-client-trace-id');

type Tags = Span['tags'];

/** Node and zone, which every span has. */
export type NodeTags = readonly (readonly [string, string])[];

/** The path that the client asked for, cut. */
function urlOf(head: RequestHead, path: string, maxPathTagLength: number): string {
  return `${head.scheme}://${head.authority}${path.slice(0, maxPathTagLength)}`;
}

/**
 * What is told of a request at its end, as it was sent on. Source: Envoy, "Tracing", "What data each trace contains".
 */
export function addRequestTags(tags: Tags, info: TaggedRequest, maxPathTagLength: number): void {
  const head = info.request;
  if (head !== undefined) {
    const { headers } = head;
    const id = headers.get(names.requestId);
    if (id !== undefined) tags.push(['guid:x-request-id', id]);
    tags.push(
      ['http.url', urlOf(head, headers.get(names.originalPath) ?? head.path, maxPathTagLength)],
      ['http.method', head.method],
      ['downstream_cluster', headers.get(downstreamCluster) ?? '-'],
      ['user_agent', headers.get(names.userAgent) ?? '-'],
      ['http.protocol', head.version],
    );
    const client = headers.get(clientTraceId);
    if (client !== undefined) tags.push(['guid:x-client-trace-id', client]);
    const contentType = headers.get(names.contentType);
    if (contentType?.startsWith('application/grpc') === true) {
      tags.push(
        ['grpc.path', head.path],
        ['grpc.authority', head.authority],
        ['grpc.content_type', contentType],
      );
      const timeout = headers.get(names.grpcTimeout);
      if (timeout !== undefined) tags.push(['grpc.timeout', timeout]);
    }
  }
  const { downstreamDirectRemote } = info;
  if (downstreamDirectRemote !== undefined) tags.push(['peer.address', downstreamDirectRemote.address]);
  tags.push(['request_size', String(info.bytesReceived)], ['response_size', String(info.bytesSent)]);
}

/** Statuses that are the fault of a server (https://grpc.github.io/grpc/core/md_doc_statuscodes.html); as Envoy. */
const serverErrors = new Set(['2', '4', '8', '12', '13', '14', '15']);

/** What a head or trailers say of a gRPC call. */
export function addGrpcTags(tags: Tags, headers: HeaderBlock): void {
  const status = headers.get(names.grpcStatus);
  if (status === undefined) return;
  setTag(tags, 'grpc.status_code', status);
  const message = headers.get(names.grpcMessage);
  if (message !== undefined) setTag(tags, 'grpc.message', message);
  if (serverErrors.has(status)) setTag(tags, 'error', 'true');
}

/** Sets a tag that may be there already. */
export function setTag(tags: Tags, name: string, value: string): void {
  const at = tags.findIndex(([one]) => one === name);
  if (at < 0) tags.push([name, value]);
  else tags[at] = [name, value];
}

/** What is told of a try. */
export function addTryTags(
  tags: Tags,
  info: TaggedRequest,
  status: number,
  own: readonly CompiledTag[],
): void {
  const { upstreamHost } = info;
  tags.push(['http.protocol', info.upstreamProtocol ?? '-']);
  if (upstreamHost !== '') tags.push(['upstream_address', upstreamHost], ['peer.address', upstreamHost]);
  addCommonTags(tags, info, status, own);
}

/** The cluster by its name in statistics. */
export function shownCluster({ upstreamCluster, upstreamModel }: TaggedRequest): string {
  const shown = upstreamModel?.statName ?? '';
  return shown === '' ? upstreamCluster : shown;
}

/** What a request and each of its tries are told by. */
export function addCommonTags(
  tags: Tags,
  info: TaggedRequest,
  status: number,
  own: readonly CompiledTag[],
): void {
  tags.push(['component', 'proxy']);
  const { upstreamCluster } = info;
  if (upstreamCluster !== '') {
    tags.push(['upstream_cluster', upstreamCluster], ['upstream_cluster.name', shownCluster(info)]);
  }
  tags.push(['http.status_code', String(status)], ['response_flags', formatFlags(info.flags)]);
  if (status === 0 || status >= 500) setTag(tags, 'error', 'true');
  for (const { name, read } of own) {
    const value = read(info);
    if (value !== '') tags.push([name, value]);
  }
}
