import type { RequestHead, ResponseHead } from '../codec/head.ts';
import { headerName, names } from '../codec/header-name.ts';
import { internalRedirectTarget } from '../decide/internal-redirect.ts';
import type { InternalRedirectPolicy } from '../model/route.ts';
import type { CompiledRoute } from '../route/virtual-host.ts';

/** A redirect that the proxy follows itself: the head of the request is that of the next one already. */
export interface FollowedRedirect {
  readonly route: CompiledRoute;
  /** False where the next request has none (303). */
  readonly withBody: boolean;
}

/**
 * Turns a request into the one that a redirect asks for; undefined, with the head as it was, where the policy does not
 * allow it or no route takes it. `before` are the routes that have served the request.
 */
export function followRedirect(
  head: RequestHead,
  response: ResponseHead,
  policy: InternalRedirectPolicy,
  clientScheme: 'http' | 'https',
  before: readonly CompiledRoute[],
  find: () => CompiledRoute | undefined,
): FollowedRedirect | undefined {
  if (before.length > policy.maxRedirects) return undefined;
  const location = response.headers.get(names.location) ?? '';
  const target = internalRedirectTarget(policy, location, head.scheme, clientScheme);
  if (target === undefined) return undefined;
  const { scheme, authority, path } = head;
  Object.assign(head, target);
  const route = find();
  if (route === undefined || !allows(policy, route, before)) {
    Object.assign(head, { scheme, authority, path });
    return undefined;
  }
  const { headers } = head;
  headers.set(names.originalUrl, `${scheme}://${authority}${path}`);
  for (const name of policy.copiedHeaders.map(headerName)) {
    const value = response.headers.get(name);
    if (value === undefined) headers.remove(name);
    else headers.set(name, value);
  }
  const withBody = response.status !== 303;
  if (!withBody) {
    if (head.method !== 'HEAD') head.method = 'GET';
    headers.remove(names.contentLength);
    headers.remove(names.contentType);
  }
  return { route, withBody };
}

function allows(
  policy: InternalRedirectPolicy,
  route: CompiledRoute,
  before: readonly CompiledRoute[],
): boolean {
  if (route.action.kind !== 'forward') return false;
  if (policy.avoidPreviousRoutes && before.includes(route)) return false;
  return policy.allowedRoutes === undefined || policy.allowedRoutes.includes(route.route.name);
}
