import { headerReader, type RoutableRequest } from '../decide/header-match.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import type { RouteConfiguration, ScopeFragment } from '../model/route.ts';
import type { RouteTable } from './route-table.ts';

/** The table that serves a request, as it is now; undefined where there is none. */
export type RouteLookup = (request: RoutableRequest) => RouteTable | undefined;

/** Compiles where the routes of a connection manager come from. `inline` compiles a table of its own, `named` finds one of RDS. */
export function compileRouteLookup(
  routes: HttpConnectionManager['routes'],
  inline: (config: RouteConfiguration, path: string) => RouteTable | undefined,
  named: (name: string) => RouteTable | undefined,
): RouteLookup {
  if (routes.kind === 'rds') return () => named(routes.name);
  if (routes.kind === 'inline') {
    const table = inline(routes.config, 'route_config');
    return () => table;
  }
  const tables = new Map<string, () => RouteTable | undefined>();
  routes.scopes.forEach((scope, i) => {
    const source = scope.routes;
    const key = scopeKey(scope.key);
    if (source.kind === 'rds') {
      tables.set(key, () => named(source.name));
      return;
    }
    const table = inline(source.config, `scoped_routes.scopes[${i}].route_configuration`);
    tables.set(key, () => table);
  });
  const readers = routes.fragments.map(fragmentReader);
  return (request) => {
    const parts: string[] = [];
    for (const read of readers) {
      const part = read(request);
      // Without one part there is no key (Envoy, `ScopeKeyBuilder`).
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return tables.get(scopeKey(parts))?.();
  };
}

function scopeKey(parts: readonly string[]): string {
  return JSON.stringify(parts);
}

function fragmentReader(fragment: ScopeFragment): (request: RoutableRequest) => string | undefined {
  const read = headerReader(fragment.header);
  const { elementSeparator } = fragment;
  return (request) => {
    const value = read(request);
    if (value === undefined) return undefined;
    const elements = elementSeparator === '' ? [value] : value.split(elementSeparator);
    if (fragment.kind === 'index') return elements[fragment.index];
    for (const element of elements) {
      const at = fragment.separator === '' ? -1 : element.indexOf(fragment.separator);
      const key = at < 0 ? element : element.slice(0, at);
      if (key === fragment.key) return at < 0 ? '' : element.slice(at + fragment.separator.length);
    }
    return undefined;
  };
}
