import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { layoutGraph, type LayoutNode } from './layout.ts';

function box(id: string, isSource = false): LayoutNode {
  return { id, width: 200, height: 80, isSource };
}

test('whoever is called stands right of all that call', () => {
  const nodes = ['ratings', 'reviews', 'details', 'productpage'].map((id) => box(id));
  const calls = [
    ['gateway', 'productpage'],
    ['productpage', 'reviews'],
    ['productpage', 'details'],
    ['reviews', 'ratings'],
  ];
  const edges = calls.map(([from = '', to = '']) => ({ from, to }));
  const { places } = layoutGraph([...nodes, box('gateway', true)], edges);
  for (const { from, to } of edges) assert.ok((places.get(from)?.x ?? 0) + 200 < (places.get(to)?.x ?? 0));
  assert.equal(places.get('reviews')?.x, places.get('details')?.x);
});

test('boxes never overlap and lie within the bounds, whatever the calls', () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const id = fc.constantFrom(...ids);
  fc.assert(
    fc.property(fc.array(fc.record({ from: id, to: id })), (edges) => {
      const nodes = ids.map((name) => box(name, name === 'a'));
      const { places, width, height } = layoutGraph(nodes, edges);
      const all = nodes.map((node) => ({ ...node, ...(places.get(node.id) ?? assert.fail(node.id)) }));
      for (const [i, one] of all.entries()) {
        assert.ok(one.x >= 0 && one.y >= 0 && one.x + one.width <= width && one.y + one.height <= height);
        for (const other of all.slice(i + 1)) {
          const apart =
            one.x + one.width <= other.x ||
            other.x + other.width <= one.x ||
            one.y + one.height <= other.y ||
            other.y + other.height <= one.y;
          assert.ok(apart, `${one.id} overlaps ${other.id}`);
        }
      }
    }),
  );
});

test('with a circle of calls the source still stands at the left', () => {
  const edges = [
    { from: 'gateway', to: 'a' },
    { from: 'a', to: 'b' },
    { from: 'b', to: 'a' },
  ];
  const { places } = layoutGraph([box('b'), box('a'), box('gateway', true)], edges);
  const x = (name: string): number => places.get(name)?.x ?? 0;
  assert.ok(x('gateway') < x('a') && x('a') < x('b'));
});
