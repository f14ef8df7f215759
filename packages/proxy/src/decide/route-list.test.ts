import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderBlock } from '../codec/header-block.ts';
import type { RouteMatch } from '../model/route.ts';
import { routeList, type Matching } from './route-list.ts';
import { compileRouteMatch, type RoutedRequest } from './route-match.ts';

function matching(path: RouteMatch['path'], caseSensitive = true): Matching {
  const match: RouteMatch = {
    path,
    caseSensitive,
    headers: [],
    queryParameters: [],
    grpc: false,
    dynamicMetadata: [],
  };
  return { route: { match }, matches: compileRouteMatch(match) };
}

const request = (path: string): RoutedRequest => ({
  head: { method: 'GET', scheme: 'http', authority: 'a', path, headers: new HeaderBlock() },
  draw: 0,
  dynamicMetadata: undefined,
});

/** Few characters, so that paths have much in common. */
const someText = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '/'), maxLength: 5 });
const somePath = someText.map((text) => `/${text}`);
const someMatch: fc.Arbitrary<Matching> = fc.oneof(
  fc
    .tuple(fc.constantFrom('exact', 'prefix', 'segment_prefix'), fc.oneof(somePath, someText), fc.boolean())
    .map(([kind, value, caseSensitive]) => matching({ kind, value }, caseSensitive)),
  fc.constant(matching({ kind: 'connect' })),
  fc.constant(matching({ kind: 'regex', regex: '/a.*' })),
);

test('the first route that matches is found, as by trying one after another', () => {
  fc.assert(
    fc.property(
      fc.array(someMatch, { maxLength: 40 }),
      fc.array(somePath, { minLength: 1 }),
      (routes, paths) => {
        const list = routeList(routes);
        for (const path of paths) {
          const expected = routes.find((route) => route.matches(request(path), path));
          assert.equal(list.find(request(path), path), expected);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('among many routes only those are tried whose path matches', () => {
  const tried: number[] = [];
  const routes = Array.from({ length: 5_000 }, (_, i): Matching => {
    const path = i % 2 === 0 ? `/part-${i}/` : `/part-${i}`;
    const { route, matches } = matching({ kind: i % 2 === 0 ? 'prefix' : 'exact', value: path });
    return {
      route,
      matches(...args) {
        tried.push(i);
        return matches(...args);
      },
    };
  });
  const list = routeList(routes);
  for (const [path, index] of [
    ['/part-4711', 4711],
    ['/part-4712/x', 4712],
  ] as const) {
    assert.equal(list.find(request(path), path), routes[index]);
  }
  assert.deepEqual(tried, [4711, 4712]);
});
