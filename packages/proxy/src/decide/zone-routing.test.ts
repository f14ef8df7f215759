import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zoneRouting, type ZoneHosts, type ZoneRouting } from './zone-routing.ts';

function zones(counts: Readonly<Record<string, number>>): ZoneHosts[] {
  return Object.entries(counts).map(([locality, healthy]) => ({ locality, healthy }));
}

function residual(routing: ZoneRouting): { localShare: number; capacity: readonly number[] } {
  assert.equal(routing.kind, 'residual');
  return routing;
}

test('a zone with at least its share of the endpoints keeps all of its requests', () => {
  assert.equal(zoneRouting('a', zones({ a: 2, b: 2 }), zones({ a: 3, b: 3 })).kind, 'direct');
  assert.equal(zoneRouting('a', zones({ a: 1, b: 3 }), zones({ a: 3, b: 3 })).kind, 'direct');
});

test('a zone with less keeps what its endpoints are worth, and sends the others where there is room', () => {
  const callers = zones({ a: 40, b: 40, c: 20 });
  const { localShare, capacity } = residual(zoneRouting('a', callers, zones({ a: 25, b: 50, c: 25 })));
  assert.equal(localShare, 0.625);
  assert.deepEqual(
    capacity.map((one) => Math.round(one * 1000)),
    [0, 100, 150],
  );
});

test('every endpoint gets the same share of all requests, wherever the callers are', () => {
  const callers = zones({ a: 5, b: 3, c: 2 });
  const upstream = zones({ a: 2, b: 3, c: 4, d: 1 });
  const got: Record<string, number> = { a: 0, b: 0, c: 0, d: 0 };
  for (const { locality: own, healthy } of callers) {
    const routing = zoneRouting(own, callers, upstream);
    if (routing.kind === 'direct') {
      got[own]! += healthy / 10;
      continue;
    }
    got[own]! += (healthy / 10) * routing.localShare;
    const last = routing.capacity.at(-1)!;
    upstream.forEach(({ locality }, i) => {
      const width = routing.capacity[i]! - (routing.capacity[i - 1] ?? 0);
      got[locality]! += (healthy / 10) * (1 - routing.localShare) * (width / last);
    });
  }
  for (const { locality, healthy } of upstream)
    assert.ok(Math.abs(got[locality]! - healthy / 10) < 1e-9, `${locality}: ${got[locality]}`);
});

test('a zone without endpoints keeps none, and one without room anywhere has none to give', () => {
  const { localShare } = residual(zoneRouting('a', zones({ a: 1, b: 1 }), zones({ b: 2, c: 2 })));
  assert.equal(localShare, 0);
  const { capacity } = residual(zoneRouting('a', zones({ b: 1, c: 1 }), zones({ b: 2, c: 2 })));
  assert.equal(capacity.at(-1), 0);
});
