import { isGrpc } from '../codec/grpc-timeout.ts';
import type { RequestHead } from '../codec/head.ts';
import type { HeaderName } from '../codec/header-name.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { SocketAddress } from '../model/address.ts';
import type { HttpStats } from '../telemetry/http-stats.ts';
import type { LocalReplyOptions } from './http-filter.ts';
import { normalizePath } from './path-normalization.ts';
import { prepareRequest, type Preparation } from './request-preparation.ts';
import { underscoredHeaders } from './underscore-headers.ts';

/** How a request is answered that does not come to its route. */
export interface Refusal {
  readonly status: number;
  readonly details: string;
  readonly options?: LocalReplyOptions;
}

const underscoreDetails = {
  'HTTP/1.0': 'http1.unexpected_underscore',
  'HTTP/1.1': 'http1.unexpected_underscore',
  'HTTP/2': 'http2.unexpected_underscore',
} as const;

/**
 * Decides whether a request may go on, and brings its head and path into the form in which they are routed. Returns the
 * client's address, or how the request is refused.
 */
export function admitRequest(
  head: RequestHead,
  manager: Preparation & { readonly stats: Pick<HttpStats, 'n' | 'codec'> },
  connection: ConnectionInfo,
  internalOnly: readonly HeaderName[],
): SocketAddress | Refusal {
  const { model } = manager;
  const { n, codec } = manager.stats;
  const client = prepareRequest(head, manager, connection, internalOnly);
  if (typeof client === 'number') {
    n.rqRejectedViaIpDetection++;
    return { status: client, details: 'rejected_via_ip_detection' };
  }
  if (model.headersWithUnderscores !== 'allow') {
    const drop = model.headersWithUnderscores === 'drop';
    const found = underscoredHeaders(head.headers, drop);
    const isHttp2 = head.version === 'HTTP/2';
    if (drop) codec.n[isHttp2 ? 'http2HeadersDropped' : 'http1HeadersDropped'] += found;
    else if (found > 0) {
      codec.n[isHttp2 ? 'http2RequestsRejected' : 'http1RequestsRejected']++;
      return { status: 400, details: underscoreDetails[head.version] };
    }
  }
  if (head.path.charCodeAt(0) !== 47 && head.upgrade !== 'connect') {
    n.rqNonRelativePath++;
    return { status: 404, details: 'absolute_path_rejected' };
  }
  const normalized = normalizePath(head.path, model.pathNormalization);
  if (normalized.kind === 'path') {
    head.path = normalized.path;
    return client;
  }
  if (normalized.kind === 'reject') {
    n.rqFailedPathNormalization++;
    return { status: 400, details: 'path_normalization_failed' };
  }
  n.rqRedirectedPath++;
  // A redirect means nothing to clients of gRPC.
  if (isGrpc(head.headers)) {
    return { status: 200, details: 'path_normalization_failed', options: { grpcStatus: 13 } };
  }
  return {
    status: 307,
    details: 'path_normalization_failed',
    options: { headers: [['location', normalized.path]] },
  };
}
