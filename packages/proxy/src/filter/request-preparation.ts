import type { RequestHead } from '../codec/head.ts';
import { headerLine, type HeaderBlock } from '../codec/header-block.ts';
import { headerName, names, type HeaderName } from '../codec/header-name.ts';
import { reasonOfId, withReason } from '../decide/trace-decision.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { SocketAddress } from '../model/address.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import { addressFromForwardedFor, type ClientRules } from './client-address.ts';
import type { ForwardedClientCert } from './forward-client-cert.ts';
import type { RequestIds } from './request-id.ts';

/** What a request from outside of the mesh may not say, wherever it comes in (Envoy, `cleanInternalHeaders`). */
const internalHeaders = [
  names.expectedTimeout,
  names.envoyInternal,
  names.hedgeOnPerTryTimeout,
  names.maxRetries,
  names.originalUrl,
  names.perTryTimeout,
  names.retriableHeaderNames,
  names.retriableStatusCodes,
  names.retryOn,
  names.retryGrpcOn,
  names.upstreamTimeout,
  names.forceTrace,
  headerName('x-envoy-ip-tags'),
  headerName('x-envoy-upstream-alt-stat-name'),
  headerName('x-envoy-upstream-rq-timeout-alt-response'),
  headerName('x-envoy-upstream-stream-duration-ms'),
];
const downstreamCluster = headerName('x-envoy-downstream-service-cluster');
const downstreamNode = headerName('x-envoy-downstream-service-node');
/** What it may not say at the edge besides. */
const edgeHeaders = [
  names.attemptCount,
  names.decoratorOperation,
  names.originalHost,
  names.originalPath,
  downstreamCluster,
  downstreamNode,
];
const forwardedPort = headerName('x-forwarded-port');
const forwardedProtoLines = {
  http: headerLine(names.forwardedProto, 'http'),
  https: headerLine(names.forwardedProto, 'https'),
} as const;

/** By what a proxy is named to endpoints. */
export interface OwnName {
  readonly cluster: string;
  readonly node: string;
}

/** The name that `add_user_agent` gives requests. */
export function ownNameOf(
  { addUserAgent }: HttpConnectionManager,
  { nodeCluster, nodeId }: { readonly nodeCluster: string; readonly nodeId: string },
): OwnName | undefined {
  return addUserAgent === true ? { cluster: nodeCluster, node: nodeId } : undefined;
}

/** What the head of a request is brought into form by. */
export interface Preparation {
  readonly model: HttpConnectionManager;
  readonly clientRules: ClientRules;
  readonly requestIds: RequestIds;
  readonly forwardClientCert: ForwardedClientCert;
  readonly ownName: OwnName | undefined;
}

/**
 * Brings the head of a request into the form in which it is routed and sent on: who the client is
 * (`x-forwarded-for`, `x-forwarded-proto`), the request id, what an external client may not say.
 * Returns the client's address, or the status with which the request is refused. Source: Envoy, "HTTP header
 * sanitizing" and "x-forwarded-for".
 *
 * A request that says nothing of where it comes from, to a proxy that does not look at addresses, counts as one of the
 * mesh's own: applications beside a sidecar may set their time limits by headers, as Istio's documentation has it.
 */
export function prepareRequest(
  head: RequestHead,
  { model, clientRules, requestIds, forwardClientCert, ownName }: Preparation,
  connection: ConnectionInfo,
  internalOnly: readonly HeaderName[],
): SocketAddress | number {
  const { headers } = head;
  let client = connection.remote;
  let edge = false;
  let external = false;
  if (model.useRemoteAddress) {
    const forwarded = headers.get(names.forwardedFor);
    if (model.xffTrustedHops > 0) {
      const named = addressFromForwardedFor(forwarded, model.xffTrustedHops - 1);
      if (named !== undefined) client = { kind: 'socket', address: named, port: 0 };
    }
    edge = forwarded !== undefined || !clientRules.isInternal(client.address);
    external = edge;
    if (!model.skipXffAppend) {
      const own = connection.remote.address;
      const isFirst = forwarded === undefined || forwarded === '';
      headers.set(names.forwardedFor, isFirst ? own : `${forwarded},${own}`);
    }
    if (model.xffTrustedHops === 0 || !headers.has(names.forwardedProto)) {
      headers.set(names.forwardedProto, connection.tls === undefined ? 'http' : 'https');
    }
    if (model.appendXForwardedPort === true && (model.xffTrustedHops === 0 || !headers.has(forwardedPort))) {
      headers.set(forwardedPort, String(connection.local.port));
    }
    if (edge) headers.set(names.externalAddress, client.address);
    else headers.set(names.envoyInternal, 'true');
  } else {
    if (clientRules.detect !== undefined) {
      const found = clientRules.detect(head);
      if (found?.kind === 'reject') return found.status;
      if (found !== undefined) {
        client = { kind: 'socket', address: found.address, port: 0 };
        external = !(found.trusted && clientRules.isInternal(found.address));
      }
    } else if (headers.has(names.forwardedFor)) {
      const forwarded = headers.get(names.forwardedFor);
      const named = addressFromForwardedFor(forwarded, model.xffTrustedHops);
      if (named !== undefined) client = { kind: 'socket', address: named, port: 0 };
      external = forwarded?.includes(',') === true || named === undefined || !clientRules.isInternal(named);
      if (!external) headers.set(names.envoyInternal, 'true');
    }
    if (!headers.has(names.forwardedProto)) {
      headers.addLine(forwardedProtoLines[connection.tls === undefined ? 'http' : 'https']);
    }
    if (model.appendXForwardedPort === true && !headers.has(forwardedPort)) {
      headers.set(forwardedPort, String(connection.local.port));
    }
  }
  if (external) removeInternalHeaders(head, edge, internalOnly);
  if (ownName !== undefined) addOwnName(headers, ownName);
  if (model.scheme === 'http' || model.scheme === 'https') {
    head.scheme = model.scheme;
    headers.set(names.forwardedProto, model.scheme);
  } else head.scheme = forwardedScheme(headers);
  if (connection.tls !== undefined || headers.has(names.forwardedClientCert)) {
    forwardClientCert(headers, connection.tls);
  }
  if (model.generateRequestId) {
    if (!headers.has(names.requestId)) headers.add(names.requestId, requestIds.next());
    else if (edge) takeExternalId(headers, model, requestIds);
  }
  if (model.via !== '') {
    const via = headers.get(names.via);
    headers.set(names.via, via === undefined ? model.via : `${via}, ${model.via}`);
  }
  if (model.stripHostPort !== 'keep' || model.stripTrailingHostDot) {
    head.authority = stripHost(head.authority, model, connection.local.port);
  }
  return client;
}

function addOwnName(headers: HeaderBlock, { cluster, node }: OwnName): void {
  headers.set(downstreamCluster, cluster);
  if ((headers.get(names.userAgent) ?? '') === '') headers.set(names.userAgent, cluster);
  if (node !== '') headers.set(downstreamNode, node);
}

/** Empty where the header says that it is nothing. */
function forwardedScheme(headers: HeaderBlock): RequestHead['scheme'] {
  if (headers.is(names.forwardedProto, 'https')) return 'https';
  return headers.is(names.forwardedProto, '') ? '' : 'http';
}

/** An id from outside is replaced; where it is kept, its decision about tracing is not. */
function takeExternalId(headers: HeaderBlock, model: HttpConnectionManager, requestIds: RequestIds): void {
  if (!model.preserveExternalRequestId) {
    headers.set(names.requestId, requestIds.next());
    return;
  }
  const id = headers.get(names.requestId);
  const packs = model.requestIdOptions?.packTraceReason ?? true;
  if (id === undefined || !packs || reasonOfId(id) === 'not_traceable') return;
  headers.set(names.requestId, withReason(id, 'not_traceable'));
}

function removeInternalHeaders(head: RequestHead, edge: boolean, internalOnly: readonly HeaderName[]): void {
  const { headers } = head;
  for (const name of internalHeaders) headers.remove(name);
  for (const name of internalOnly) headers.remove(name);
  if (edge) for (const name of edgeHeaders) headers.remove(name);
}

function stripHost(authority: string, manager: HttpConnectionManager, localPort: number): string {
  const colon = authority.lastIndexOf(':');
  let host = colon < 0 || authority.indexOf(']', colon) >= 0 ? authority : authority.slice(0, colon);
  let port = authority.slice(host.length);
  if (manager.stripTrailingHostDot && host.endsWith('.')) host = host.slice(0, -1);
  if (manager.stripHostPort === 'any' || (manager.stripHostPort === 'matching' && port === `:${localPort}`))
    port = '';
  return host + port;
}
