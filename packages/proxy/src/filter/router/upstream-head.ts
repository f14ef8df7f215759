import { formatGrpcTimeout } from '../../codec/grpc-timeout.ts';
import type { RequestHead } from '../../codec/head.ts';
import { names } from '../../codec/header-name.ts';
import {
  expectedMs,
  grpcGlobalMs,
  timingFromHeaders,
  type RequestTiming,
} from '../../route/request-timing.ts';
import { retryFromHeaders, steersTries } from '../../route/retry-headers.ts';
import type { CompiledRetryPolicy } from '../../route/retry-policy.ts';
import type { ClusterTarget, CompiledForward } from '../../route/route-action.ts';
import type { CompiledRoute } from '../../route/virtual-host.ts';
import type { VirtualHost } from '../../model/route.ts';
import type { StreamInfo } from '../../telemetry/stream-info.ts';
import type { RouterOwner } from './router-owner.ts';

/** The policy for the tries of a request: its route's, with what its headers add. */
export function triesOfRequest(head: RequestHead, action: CompiledForward): CompiledRetryPolicy | undefined {
  return steersTries(head.headers) ? retryFromHeaders(head, action.retry) : action.retry;
}

/** The time for a request: its route's, with what its headers change. */
export function timingOfRequest(
  head: RequestHead,
  action: CompiledForward,
  manager: { readonly respectExpectedTimeout: boolean },
): RequestTiming {
  let { timing } = action;
  const grpcMs = action.grpcLimit === undefined ? undefined : grpcGlobalMs(head, action.grpcLimit);
  if (grpcMs !== undefined) timing = { ...timing, globalMs: grpcMs };
  if (manager.respectExpectedTimeout || steersTries(head.headers)) {
    timing = timingFromHeaders(head, timing, manager.respectExpectedTimeout);
  }
  return timing;
}

/** Brings the head of a request into the form that the endpoints of its cluster see: host, path, the route's headers. */
export function finishHead(
  head: RequestHead,
  route: CompiledRoute,
  action: CompiledForward,
  timing: RequestTiming,
  target: ClusterTarget,
  owner: StreamInfo & Pick<RouterOwner, 'manager'>,
): void {
  const { headers } = head;
  if (!owner.manager.suppressEnvoyHeaders) announceTimeout(head, action, timing);
  if (owner.manager.model.scheme === 'match_upstream') {
    head.scheme = target.ref.cluster?.model.transport.kind === 'upstream_tls' ? 'https' : 'http';
  }
  // What they take from the request is what was asked for, before it is rewritten.
  target.requestHeaders?.apply(headers, owner);
  for (const operations of route.requestHeaders) operations.apply(headers, owner);
  if (action.rewriteHost !== undefined || target.hostRewrite !== undefined) {
    const host = target.hostRewrite ?? action.rewriteHost?.(head);
    if (host !== undefined && host !== '') setHost(head, action, host, target.hostRewrite === undefined);
  }
  if (action.rewritePath !== undefined) {
    headers.set(names.originalPath, head.path);
    head.path = action.rewritePath(head.path);
  }
}

/** Tells the endpoint how long it has. */
function announceTimeout(head: RequestHead, action: CompiledForward, timing: RequestTiming): void {
  const { headers } = head;
  if (timing === action.timing) {
    if (action.expectedTimeout !== undefined) {
      headers.remove(names.expectedTimeout);
      headers.addLine(action.expectedTimeout);
    }
    return;
  }
  const ms = expectedMs(timing);
  if (ms > 0) headers.set(names.expectedTimeout, String(ms));
  // The endpoint is to know the deadline that holds here, not the one that the client asked for.
  if (ms > 0 && action.grpcLimit !== undefined && headers.has(names.grpcTimeout)) {
    headers.set(names.grpcTimeout, formatGrpcTimeout(ms));
  }
}

/**
 * Sends the request under another host; `notes` the one that it came with, as Envoy does where the route names the other,
 * not where a cluster among several does.
 */
export function setHost(head: RequestHead, action: CompiledForward, host: string, notes = true): void {
  if (action.model.appendXForwardedHost) {
    const before = head.headers.get(names.forwardedHost);
    head.headers.set(
      names.forwardedHost,
      before === undefined ? head.authority : `${before},${head.authority}`,
    );
  }
  if (notes) head.headers.set(names.originalHost, head.authority);
  head.authority = host;
}

/** Tells endpoints which try this is, where the virtual host asks for that. */
export function announceTry(
  head: RequestHead,
  virtualHost: VirtualHost,
  attempts: number,
  timedOutBefore: boolean,
): void {
  if (virtualHost.includeRequestAttemptCount) head.headers.set(names.attemptCount, String(attempts));
  if (virtualHost.includeIsTimeoutRetryHeader === true && attempts > 1) {
    head.headers.set(names.isTimeoutRetry, String(timedOutBefore));
  }
}

/** Tells the endpoint of a further try how long it has, `passedMs` after the request was complete. */
export function announceRest(
  head: RequestHead,
  action: CompiledForward,
  timing: RequestTiming,
  passedMs: number,
): void {
  const { headers } = head;
  if (timing.globalMs === 0 || !headers.has(names.expectedTimeout)) return;
  const leftMs = Math.max(1, Math.round(timing.globalMs - passedMs));
  const ms = timing.perTryMs > 0 && !timing.hedge ? Math.min(timing.perTryMs, leftMs) : leftMs;
  headers.set(names.expectedTimeout, String(ms));
  if (action.grpcLimit !== undefined && headers.has(names.grpcTimeout)) {
    headers.set(names.grpcTimeout, formatGrpcTimeout(ms));
  }
}

/** True where the request is a tunnel that ends here (Envoy, `connect_config`). */
export function endsTunnel(head: RequestHead, { terminates }: CompiledForward): boolean {
  if (terminates === undefined) return false;
  return head.upgrade === 'connect' || (terminates.allowPost && head.method === 'POST');
}
