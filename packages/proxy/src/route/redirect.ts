import { withoutPort } from '../decide/domain-match.ts';
import type { RoutableRequest } from '../decide/header-match.ts';
import type { RedirectAction, Route } from '../model/route.ts';
import { compileRegexRewrite, matchedPathRewrite, splitQuery, type Rewrite } from './rewrite.ts';

/** The `location` of a redirected request. */
export type Redirect = (request: RoutableRequest) => string;

function compilePath(route: Route, action: RedirectAction): Rewrite | undefined {
  const { path } = action;
  if (path === undefined) return undefined;
  if (path.kind === 'full') return () => path.value;
  if (path.kind === 'regex') {
    const rewrite = compileRegexRewrite(path.rewrite);
    return (text) => rewrite(splitQuery(text)[0]);
  }
  const rewrite = matchedPathRewrite(route.match.path, path.value);
  return (text) => rewrite(splitQuery(text)[0]);
}

/** Compiles a redirect (Envoy, `RedirectAction`): what is not said stays as the request has it; default ports are left out. */
export function compileRedirect(route: Route, action: RedirectAction): Redirect {
  const rewrite = compilePath(route, action);
  return (request) => {
    const scheme = action.scheme ?? request.scheme;
    let host = action.host ?? request.authority;
    if (action.port !== undefined) host = withoutPort(host);
    else if (action.scheme !== undefined && action.host === undefined) {
      // A change of scheme makes the old scheme's default port wrong.
      if ((scheme === 'https' && host.endsWith(':80')) || (scheme === 'http' && host.endsWith(':443'))) {
        host = withoutPort(host);
      }
    }
    const isDefault = action.port === (scheme === 'https' ? 443 : 80);
    const port = action.port === undefined || action.port === 0 || isDefault ? '' : `:${action.port}`;
    const query = splitQuery(request.path)[1];
    let path = rewrite === undefined ? splitQuery(request.path)[0] : rewrite(request.path);
    if (!action.stripQuery && !path.includes('?')) path += query;
    return `${scheme}://${host}${port}${path}`;
  };
}
