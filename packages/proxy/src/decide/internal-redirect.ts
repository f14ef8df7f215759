import type { InternalRedirectPolicy } from '../model/route.ts';

/** Where a redirect leads. */
export interface RedirectTarget {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly path: string;
}

/**
 * Where a redirect leads that the proxy may follow itself; undefined where it is to go to the client. `scheme` is that
 * of the request, `clientScheme` that of the client's connection (Envoy, internal redirects). A `location` without scheme
 * and host is not followed, as in Envoy.
 */
export function internalRedirectTarget(
  policy: InternalRedirectPolicy,
  location: string,
  scheme: string,
  clientScheme: 'http' | 'https',
): RedirectTarget | undefined {
  const found = /^(https?):\/\/([^/?#\s]+)([^#\s]*)(?:#\S*)?$/i.exec(location);
  if (found === null) return undefined;
  const target = (found[1] as string).toLowerCase() as 'http' | 'https';
  if (target !== scheme) {
    if (policy.crossScheme === 'never') return undefined;
    if (policy.crossScheme === 'safe' && target !== clientScheme && target === 'https') return undefined;
  }
  const rest = found[3] as string;
  const path = rest === '' || rest.startsWith('?') ? `/${rest}` : rest;
  return { scheme: target, authority: found[2] as string, path };
}
