import type { HttpMatchRequest, HttpRoute, StringMatch } from '@lateen/config';
import type { View } from '../engine/query.ts';
import type { VirtualService } from './config-object.ts';
import { isExportedTo } from './registry.ts';
import { settingsOf } from './settings.ts';
import { virtualServices } from './tables.ts';

/** A rule with the VirtualService that it stands in, by which its short names are completed. */
export interface OwnedRoute {
  readonly route: HttpRoute;
  readonly owner: VirtualService;
}

/**
 * The HTTP rules of a VirtualService, with each `delegate` replaced by the rules of what it names.
 *
 * A delegated rule holds where both its own and the delegating rule's conditions do (Istio, "Delegate");
 * delegates do not delegate again.
 */
export function flattenedRoutes(view: View, rule: VirtualService): OwnedRoute[] {
  return (rule.spec.http ?? []).flatMap((route): OwnedRoute[] => {
    if (route.delegate === undefined) return [{ route, owner: rule }];
    const { name = '', namespace = rule.namespace } = route.delegate;
    const owner = view.row(virtualServices, `${namespace}/${name}`);
    // Only objects without hosts are meant for delegation.
    if (owner === undefined || owner.hosts.length > 0) return [];
    const exportTo = owner.spec.exportTo ?? settingsOf(view).defaultVirtualServiceExportTo;
    if (!isExportedTo(exportTo, owner.namespace, rule.namespace)) return [];
    return (owner.spec.http ?? []).flatMap((inner): OwnedRoute[] => {
      const merged = merge(route, inner);
      return merged === undefined ? [] : [{ route: merged, owner }];
    });
  });
}

/** Undefined where no request can satisfy both. */
function merge(outer: HttpRoute, inner: HttpRoute): HttpRoute | undefined {
  const { delegate: _, match: outerMatches, name: outerName, ...defaults } = outer;
  const name = [outerName, inner.name].filter((part) => part !== undefined && part !== '').join('-');
  const named = { ...defaults, ...inner, ...(name === '' ? {} : { name }) };
  if (outerMatches === undefined || outerMatches.length === 0) return named;
  if (inner.match === undefined || inner.match.length === 0) return { ...named, match: outerMatches };
  const match = outerMatches.flatMap((a) => (inner.match ?? []).flatMap((b) => both(a, b) ?? []));
  return match.length === 0 ? undefined : { ...named, match };
}

/** The conjunction of two conditions; undefined where they exclude each other, or cannot be said as one. */
function both(a: HttpMatchRequest, b: HttpMatchRequest): HttpMatchRequest | undefined {
  const uri = bothPaths(a.uri, b.uri);
  if (uri === 'never') return undefined;
  for (const field of ['scheme', 'method', 'authority', 'port', 'sourceNamespace'] as const) {
    if (a[field] !== undefined && b[field] !== undefined && !same(a[field], b[field])) return undefined;
  }
  for (const field of ['headers', 'withoutHeaders', 'queryParams', 'sourceLabels'] as const) {
    for (const name of Object.keys(a[field] ?? {})) {
      const other = b[field]?.[name];
      if (other !== undefined && !same(a[field]?.[name], other)) return undefined;
    }
  }
  return {
    ...a,
    ...b,
    ...(uri === undefined ? {} : { uri }),
    ...joined('headers', a.headers, b.headers),
    ...joined('withoutHeaders', a.withoutHeaders, b.withoutHeaders),
    ...joined('queryParams', a.queryParams, b.queryParams),
    ...joined('sourceLabels', a.sourceLabels, b.sourceLabels),
  };
}

function bothPaths(
  a: StringMatch | undefined,
  b: StringMatch | undefined,
): StringMatch | undefined | 'never' {
  if (a === undefined || b === undefined) return a ?? b;
  if (same(a, b)) return a;
  const fixed = b.exact ?? b.prefix;
  if (a.prefix !== undefined && fixed !== undefined) return fixed.startsWith(a.prefix) ? b : 'never';
  return 'never';
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function joined<Name extends string, T>(
  name: Name,
  a: Readonly<Record<string, T>> | undefined,
  b: Readonly<Record<string, T>> | undefined,
): { [K in Name]?: Readonly<Record<string, T>> } {
  if (a === undefined && b === undefined) return {};
  return { [name]: { ...a, ...b } } as { [K in Name]?: Readonly<Record<string, T>> };
}
