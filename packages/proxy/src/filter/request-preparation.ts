import type { RequestHead } from '../codec/head.ts';
import { headerName, names } from '../codec/header-name.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { SocketAddress } from '../model/address.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import { setForwardedClientCert } from './forward-client-cert.ts';
import type { RequestIds } from './request-id.ts';

/** Headers that only the mesh itself may set: an external client's are taken off. */
const internalHeaders = [
  names.decoratorOperation,
  names.expectedTimeout,
  names.envoyInternal,
  names.maxRetries,
  names.originalHost,
  names.originalPath,
  names.perTryTimeout,
  names.retryOn,
  names.retryGrpcOn,
  names.retriableStatusCodes,
  names.upstreamTimeout,
  headerName('x-envoy-attempt-count'),
  headerName('x-envoy-downstream-service-cluster'),
  headerName('x-envoy-downstream-service-node'),
  headerName('x-envoy-force-trace'),
  headerName('x-envoy-hedge-on-per-try-timeout'),
  headerName('x-envoy-ip-tags'),
  headerName('x-envoy-retriable-header-names'),
  headerName('x-envoy-upstream-alt-stat-name'),
  headerName('x-envoy-upstream-rq-timeout-alt-response'),
  headerName('x-envoy-upstream-stream-duration-ms'),
];

/** Loopback and private ranges (Envoy's `internal_address_config` default). */
export function isInternalAddress(address: string): boolean {
  return (
    /^(?:10\.|127\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(address) ||
    address === '::1' ||
    /^f[cd][0-9a-f]{2}:/i.test(address)
  );
}

/** The address that `trustedHops` proxies before us say is the client's; undefined where the header is too short. */
function addressFromForwardedFor(value: string | undefined, trustedHops: number): string | undefined {
  if (value === undefined) return undefined;
  const parts = value.split(',');
  const wanted = parts[parts.length - 1 - trustedHops];
  return wanted === undefined || wanted.trim() === '' ? undefined : wanted.trim();
}

/**
 * Brings the head of a request into the form in which it is routed and sent on: who the client is
 * (`x-forwarded-for`, `x-forwarded-proto`), the request id, what an external client may not say.
 * Returns the client's address. Source: Envoy, "HTTP header sanitizing" and "x-forwarded-for".
 */
export function prepareRequest(
  head: RequestHead,
  manager: HttpConnectionManager,
  connection: ConnectionInfo,
  ids: RequestIds,
): SocketAddress {
  const { headers } = head;
  let client = connection.remote;
  let edge = false;
  if (manager.useRemoteAddress) {
    const forwarded = headers.get(names.forwardedFor);
    if (manager.xffTrustedHops > 0) {
      const named = addressFromForwardedFor(forwarded, manager.xffTrustedHops - 1);
      if (named !== undefined) client = { kind: 'socket', address: named, port: 0 };
    }
    edge = !isInternalAddress(client.address) || forwarded !== undefined;
    if (!manager.skipXffAppend) {
      const own = connection.remote.address;
      headers.set(names.forwardedFor, forwarded === undefined ? own : `${forwarded},${own}`);
    }
    if (manager.xffTrustedHops === 0 || !headers.has(names.forwardedProto)) {
      headers.set(names.forwardedProto, connection.tls === undefined ? 'http' : 'https');
    }
    edge &&= !isInternalAddress(client.address);
    if (edge) {
      for (const name of internalHeaders) headers.remove(name);
      headers.set(names.externalAddress, client.address);
    } else {
      headers.set(names.envoyInternal, 'true');
    }
  } else {
    const named = headers.has(names.forwardedFor)
      ? addressFromForwardedFor(headers.get(names.forwardedFor), manager.xffTrustedHops)
      : undefined;
    if (named !== undefined) client = { kind: 'socket', address: named, port: 0 };
    if (!headers.has(names.forwardedProto)) {
      headers.add(names.forwardedProto, connection.tls === undefined ? 'http' : 'https');
    }
  }
  head.scheme = headers.get(names.forwardedProto) === 'https' ? 'https' : 'http';
  if (connection.tls !== undefined || headers.has(names.forwardedClientCert)) {
    setForwardedClientCert(headers, manager.forwardClientCert, connection);
  }
  if (manager.generateRequestId) {
    if (!headers.has(names.requestId)) headers.add(names.requestId, ids.next());
    else if (edge && !manager.preserveExternalRequestId) headers.set(names.requestId, ids.next());
  }
  if (manager.via !== '') {
    const via = headers.get(names.via);
    headers.set(names.via, via === undefined ? manager.via : `${via}, ${manager.via}`);
  }
  if (manager.stripHostPort !== 'keep' || manager.stripTrailingHostDot) {
    head.authority = stripHost(head.authority, manager, connection.local.port);
  }
  return client;
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
