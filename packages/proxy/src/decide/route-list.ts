import type { RouteMatch } from '../model/route.ts';
import { PathTree } from './path-tree.ts';
import type { RoutedRequest, RouteTest } from './route-match.ts';

/** Something that takes the requests that match it. */
export interface Matching {
  readonly matches: RouteTest;
  readonly route: { readonly match: RouteMatch };
}

/** Finds the first of a list that takes a request. */
export interface RouteList<T> {
  /** `pathOnly` as in {@link RouteTest}. */
  find(request: RoutedRequest, pathOnly: string): T | undefined;
}

/** Up to here it is quicker to try one after another. */
const mostTried = 8;

/**
 * Prepares a list of routes. The first that matches is the one (Envoy, `VirtualHost.routes`), and finding it costs
 * as much among thousands as among ten where their paths tell them apart.
 */
export function routeList<T extends Matching>(routes: readonly T[]): RouteList<T> {
  const [first] = routes;
  if (routes.length === 1 && first !== undefined) return new OneRoute(first);
  return routes.length > mostTried ? new IndexedRoutes(routes) : new FewRoutes(routes);
}

class OneRoute<T extends Matching> implements RouteList<T> {
  readonly #route: T;

  constructor(route: T) {
    this.#route = route;
  }

  find(request: RoutedRequest, pathOnly: string): T | undefined {
    const route = this.#route;
    return route.matches(request, pathOnly) ? route : undefined;
  }
}

class FewRoutes<T extends Matching> implements RouteList<T> {
  readonly #routes: readonly T[];

  constructor(routes: readonly T[]) {
    this.#routes = routes;
  }

  find(request: RoutedRequest, pathOnly: string): T | undefined {
    for (const route of this.#routes) if (route.matches(request, pathOnly)) return route;
    return undefined;
  }
}

/** Tries, in the order of the list, the routes whose path matches and those whose path only a try can tell. */
class IndexedRoutes<T extends Matching> implements RouteList<T> {
  readonly #routes: readonly T[];
  readonly #tree = new PathTree();
  /** Routes by regular expression or template, without case, and for CONNECT. */
  readonly #others: number[] = [];
  /** Lists of routes to try for the request at hand, and how far each has been gone through. */
  readonly #lists: (readonly number[])[] = [];
  readonly #done: number[] = [];

  constructor(routes: readonly T[]) {
    this.#routes = routes;
    for (const [i, { route }] of routes.entries()) {
      const { path, caseSensitive } = route.match;
      if ('value' in path && caseSensitive) this.#tree.add(path, i);
      else this.#others.push(i);
    }
  }

  find(request: RoutedRequest, pathOnly: string): T | undefined {
    const lists = this.#lists;
    const done = this.#done;
    let count = 0;
    if (this.#others.length > 0) lists[count++] = this.#others;
    count = this.#tree.collect(pathOnly, lists, count);
    for (let i = 0; i < count; i++) done[i] = 0;
    for (;;) {
      let lowest = Number.POSITIVE_INFINITY;
      let from = -1;
      for (let i = 0; i < count; i++) {
        const next = lists[i]?.[done[i] as number];
        if (next === undefined || next >= lowest) continue;
        lowest = next;
        from = i;
      }
      if (from < 0) return undefined;
      const route = this.#routes[lowest] as T;
      if (route.matches(request, pathOnly)) return route;
      done[from] = (done[from] as number) + 1;
    }
  }
}
