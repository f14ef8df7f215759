import { headerName, names } from '../codec/header-name.ts';
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

/** What is known of the request when it has come; a router may change its path and host later. */
export function requestTags(head: RequestHead, maxPathTagLength: number): Tags {
  const { headers } = head;
  const tags: Tags = [];
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
  if (headers.get(names.contentType)?.startsWith('application/grpc') === true) {
    tags.push(
      ['grpc.path', head.path],
      ['grpc.authority', head.authority],
      ['grpc.content_type', headers.get(names.contentType) ?? ''],
    );
    const timeout = headers.get(names.grpcTimeout);
    if (timeout !== undefined) tags.push(['grpc.timeout', timeout]);
  }
  return tags;
}

/** What is known at the end. Source: Envoy, "Tracing", "What data each trace contains". */
export function addResponseTags(tags: Tags, info: TaggedRequest, own: readonly CompiledTag[]): void {
  const { downstreamDirectRemote } = info;
  if (downstreamDirectRemote !== undefined) tags.push(['peer.address', downstreamDirectRemote.address]);
  tags.push(['request_size', String(info.bytesReceived)], ['response_size', String(info.bytesSent)]);
  const grpcStatus =
    info.responseTrailers?.get(names.grpcStatus) ?? info.response?.headers.get(names.grpcStatus);
  const grpcMessage =
    info.responseTrailers?.get(names.grpcMessage) ?? info.response?.headers.get(names.grpcMessage);
  if (grpcStatus !== undefined) tags.push(['grpc.status_code', grpcStatus]);
  if (grpcMessage !== undefined) tags.push(['grpc.message', grpcMessage]);
  addCommonTags(
    tags,
    info,
    { status: info.status, failed: grpcStatus !== undefined && grpcStatus !== '0' },
    own,
  );
}

/** What a request and each of its tries are told by. */
export function addCommonTags(
  tags: Tags,
  info: TaggedRequest,
  { status, failed }: { readonly status: number; readonly failed: boolean },
  own: readonly CompiledTag[],
): void {
  tags.push(['component', 'proxy']);
  const { upstreamCluster, upstreamHost, upstreamModel } = info;
  if (upstreamCluster !== '') {
    const shown = upstreamModel?.statName ?? '';
    tags.push(
      ['upstream_cluster', upstreamCluster],
      ['upstream_cluster.name', shown === '' ? upstreamCluster : shown],
    );
  }
  if (upstreamHost !== '') tags.push(['upstream_address', upstreamHost]);
  tags.push(['http.status_code', String(status)], ['response_flags', formatFlags(info.flags)]);
  if (status === 0 || status >= 500 || failed) tags.push(['error', 'true']);
  for (const { name, read } of own) {
    const value = read(info);
    if (value !== '') tags.push([name, value]);
  }
}
