import type { RequestHead } from '../../codec/head.ts';
import { names } from '../../codec/header-name.ts';
import type { ClusterTarget, CompiledForward } from '../../route/route-action.ts';
import type { CompiledRoute } from '../../route/route-table.ts';
import type { StreamInfo } from '../../telemetry/stream-info.ts';

/** Brings the head of a request into the form that the endpoints of its cluster see: host, path, the route's headers. */
export function finishHead(
  head: RequestHead,
  route: CompiledRoute,
  action: CompiledForward,
  target: ClusterTarget,
  info: StreamInfo,
): void {
  const { headers } = head;
  if (action.rewriteHost !== undefined || target.hostRewrite !== undefined) {
    const host = target.hostRewrite ?? action.rewriteHost?.(head);
    if (host !== undefined && host !== '') setHost(head, action, host);
  }
  if (action.rewritePath !== undefined) {
    headers.set(names.originalPath, head.path);
    head.path = action.rewritePath(head.path);
  }
  target.requestHeaders?.apply(headers, info);
  for (const operations of route.requestHeaders) operations.apply(headers, info);
  if (action.model.timeoutMs > 0 && !headers.has(names.expectedTimeout)) {
    headers.addLine(action.expectedTimeout);
  }
}

/** Sends the request under another host, noting the one that it came with where the route asks for that. */
export function setHost(head: RequestHead, action: CompiledForward, host: string): void {
  if (action.model.appendXForwardedHost) {
    const before = head.headers.get(names.forwardedHost);
    head.headers.set(
      names.forwardedHost,
      before === undefined ? head.authority : `${before},${head.authority}`,
    );
  }
  head.authority = host;
}
