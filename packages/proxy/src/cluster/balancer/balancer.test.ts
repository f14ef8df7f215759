import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadBalancing } from '../../model/cluster.ts';
import type { HealthStatus } from '../../model/endpoint.ts';
import { Host } from '../host.ts';
import { createBalancer, type BalancerContext, type BalancerRequest } from './balancer.ts';
import { LazyHashFunction, murmurHash2 } from './hash-function.ts';
import { PriorityBalancer, type BalancingRules } from './priority-balancer.ts';

const hash = new LazyHashFunction();
await hash.load();

/** The same sequence each time, so that a test says the same each time. */
function seeded(seed = 12345): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

let nowMs = 0;
function context(random = seeded()): BalancerContext {
  return { random, nowMs: () => nowMs, hash };
}

const locality = { region: '', zone: '', subZone: '' };

function host(last: number, weight = 1, healthStatus: HealthStatus = 'healthy'): Host {
  const address = { kind: 'socket', address: `10.0.0.${last}`, port: 80 } as const;
  return new Host({ address, hostname: '', healthStatus, weight, metadata: {} }, locality, 0, nowMs);
}

function hosts(...weights: number[]): Host[] {
  return weights.map((weight, i) => host(i + 1, weight));
}

/** Requests without a hash policy, and such that each have a hash of their own. */
const plain: BalancerRequest = { hash: () => undefined, selection: 0 };
function hashed(key: number, selection = 0): BalancerRequest {
  return { hash: () => hash.xxHash64(`request ${key}`), selection };
}

interface Picker {
  pick(request: BalancerRequest): Host | undefined;
}

function shares(balancer: Picker, list: readonly Host[], picks: number): number[] {
  const counts = new Map<Host | undefined, number>();
  for (let i = 0; i < picks; i++) {
    const picked = balancer.pick(hashed(i));
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  return list.map((one) => (counts.get(one) ?? 0) / picks);
}

/** Five standard deviations of a share: a right balancer fails once in a million. */
function assertShare(share: number | undefined, expected: number, picks: number, what = ''): void {
  const bound = 5 * Math.sqrt((expected * (1 - expected)) / picks);
  assert.ok(Math.abs((share ?? -1) - expected) <= bound, `${what} ${share} is not ${expected} ± ${bound}`);
}

const ring = {
  kind: 'ring_hash',
  minRingSize: 65_536,
  maxRingSize: 8_388_608,
  hashFunction: 'xx_hash',
  useHostnameForHashing: false,
} as const;
const maglev = { kind: 'maglev', tableSize: 65_537, useHostnameForHashing: false } as const;
const leastRequest = { kind: 'least_request', choiceCount: 2, activeRequestBias: 1 } as const;
const peakEwma = { kind: 'peak_ewma', decayMs: 10_000 } as const;

const policies: LoadBalancing[] = [
  { kind: 'round_robin' },
  { kind: 'random' },
  leastRequest,
  peakEwma,
  ring,
  maglev,
];
const picks = 20_000;

for (const policy of policies) {
  test(`${policy.kind} spreads evenly over equal hosts`, () => {
    const list = hosts(1, 1, 1, 1);
    // Points on a ring leave the shares uneven by a few per cent of themselves.
    const slack = policy.kind === 'ring_hash' ? 0.01 : 0;
    for (const share of shares(createBalancer(policy, list, context()), list, picks)) {
      const bound = 5 * Math.sqrt(0.1875 / picks) + slack;
      assert.ok(Math.abs(share - 0.25) < bound, `${share}`);
    }
  });

  test(`${policy.kind} gives nothing where there is no host and the one where there is one`, () => {
    assert.equal(createBalancer(policy, [], context()).pick(plain), undefined);
    const [only] = hosts(7);
    assert.equal(createBalancer(policy, [only!], context()).pick(plain), only);
  });

  test(`${policy.kind} places requests that have no hash too, on every host`, () => {
    const list = hosts(1, 1, 1);
    const balancer = createBalancer(policy, list, context());
    const seen = new Set<Host | undefined>();
    for (let i = 0; i < 200; i++) seen.add(balancer.pick(plain));
    assert.deepEqual(new Set(list), seen);
  });
}

test('weights decide the shares of every policy but peak EWMA, where they decide who is compared', () => {
  for (const policy of policies) {
    if (policy.kind === 'peak_ewma') continue;
    const list = hosts(1, 3, 6);
    const [a, b, c] = shares(createBalancer(policy, list, context()), list, picks);
    const slack = policy.kind === 'ring_hash' ? 0.01 : 0.005;
    for (const [share, expected] of [
      [a, 0.1],
      [b, 0.3],
      [c, 0.6],
    ] as const) {
      const bound = 5 * Math.sqrt((expected * (1 - expected)) / picks) + slack;
      assert.ok(Math.abs(share! - expected) < bound, `${policy.kind} ${share} is not ${expected}`);
    }
  }
});

test('round robin visits each host once in a round', () => {
  const list = hosts(1, 1, 1);
  const balancer = createBalancer({ kind: 'round_robin' }, list, context());
  assert.equal(new Set([balancer.pick(plain), balancer.pick(plain), balancer.pick(plain)]).size, 3);
});

test('weighted round robin never lets a host wait for longer than its turn', () => {
  const list = hosts(5, 1);
  const balancer = createBalancer({ kind: 'round_robin' }, list, context());
  const order = Array.from({ length: 60 }, () => balancer.pick(plain)).map((one) => list.indexOf(one!));
  const turns = order.flatMap((one, i) => (one === 1 ? [i] : []));
  turns.slice(1).forEach((at, i) => assert.equal(at - turns[i]!, 6));
});

test('least request keeps away from a busy host, by choice of two and by weight', () => {
  const list = hosts(1, 1);
  list[0]!.active = 10;
  // With two draws of two hosts only one in four never sees the idle one.
  assertShare(shares(createBalancer(leastRequest, list, context()), list, picks)[0], 0.25, picks);
  const weighted = hosts(2, 1);
  weighted[0]!.active = 3;
  // 2 / (3 + 1) against 1 / (0 + 1).
  const share = shares(createBalancer(leastRequest, weighted, context()), weighted, picks)[0]!;
  assert.ok(Math.abs(share - 1 / 3) < 0.005, `${share}`);
});

test('the bias of active requests makes least request more or less hard on busy hosts', () => {
  const list = hosts(2, 1);
  list[0]!.active = 3;
  const share = (activeRequestBias: number): number =>
    shares(createBalancer({ ...leastRequest, activeRequestBias }, list, context()), list, picks)[0]!;
  assert.ok(Math.abs(share(0) - 2 / 3) < 0.005);
  assert.ok(Math.abs(share(2) - 2 / 16 / (2 / 16 + 1)) < 0.005);
});

test('peak EWMA leaves a slow host alone at once and tries it again when its time is past', () => {
  nowMs = 0;
  const list = hosts(1, 1, 1);
  const balancer = createBalancer(peakEwma, list, context());
  for (const one of list) one.latency!.observe(5, 0);
  nowMs = 60_000;
  for (const one of list) one.latency!.observe(5, nowMs);
  list[0]!.latency!.observe(500, nowMs);
  const [slow] = shares(balancer, list, 2_000);
  // Only where both draws are the slow host.
  assertShare(slow, 1 / 9, 2_000);
  nowMs += 100_000;
  for (const one of list.slice(1)) one.latency!.observe(5, nowMs);
  const [later] = shares(balancer, list, 2_000);
  assert.ok(later! > 0.33, `${later}`);
  nowMs = 0;
});

test('peak EWMA weighs latency by the requests under way, and a quick failure makes no host look good', () => {
  const list = hosts(1, 1);
  const balancer = createBalancer(peakEwma, list, context());
  list[0]!.active = 3;
  assert.equal(balancer.pick(plain), list[1]);
  list[1]!.latency!.observe(200, 0);
  assert.equal(balancer.pick(plain), list[0]);
  list[0]!.active = 0;
  const before = list[0]!.latency!.at(0);
  list[0]!.latency!.observeFailure(0.1, 0);
  assert.equal(list[0]!.latency!.at(0), before);
});

for (const policy of [ring, maglev, { ...ring, hashFunction: 'murmur_hash_2' } as const]) {
  const name = policy.kind === 'ring_hash' ? `ring hash by ${policy.hashFunction}` : 'maglev';

  test(`${name} sends the same request to the same host, in whatever order the hosts come`, () => {
    const list = hosts(1, 1, 1, 1, 1);
    const a = createBalancer(policy, list, context());
    const b = createBalancer(policy, list.toReversed(), context(seeded(99)));
    let same = 0;
    for (let i = 0; i < 1_000; i++) {
      assert.equal(a.pick(hashed(i)), a.pick(hashed(i)));
      if (a.pick(hashed(i)) === b.pick(hashed(i))) same++;
    }
    // Maglev's table depends a little on the order in which places are taken.
    assert.ok(same >= (policy.kind === 'maglev' ? 800 : 1_000), `${same}`);
  });

  test(`${name} moves little more than the share of a host that comes or goes`, () => {
    const list = hosts(...Array.from({ length: 10 }, () => 1));
    const before = createBalancer(policy, list, context());
    const after = createBalancer(policy, list.slice(0, 9), context());
    let moved = 0;
    let needless = 0;
    for (let i = 0; i < 5_000; i++) {
      const from = before.pick(hashed(i));
      if (from === after.pick(hashed(i))) continue;
      moved++;
      if (from !== list[9]) needless++;
    }
    assert.ok(moved > 350 && moved < 5_000 * 0.2, `${moved} moved`);
    // The ring keeps its size: nine hosts have more points each than ten had.
    assert.ok(needless <= 5_000 * (policy.kind === 'maglev' ? 0.06 : 0.11), `${needless} moved needlessly`);
  });

  test(`${name} goes on to other hosts when the chosen one is not wanted`, () => {
    const list = hosts(1, 1, 1, 1);
    const balancer = createBalancer(policy, list, context());
    const seen = new Set<Host | undefined>();
    for (let i = 0; i < 50; i++) seen.add(balancer.pick(hashed(1, i)));
    assert.ok(seen.size > 1);
  });
}

test('the places of a host follow from the key that its metadata has, whatever its address', () => {
  const keyed = (last: number, key: string): Host => {
    const one = host(last);
    one.endpoint = { ...one.endpoint, metadata: { 'envoy.lb': { hash_key: key } } };
    return one;
  };
  for (const policy of [ring, maglev]) {
    const before = [keyed(1, 'a'), keyed(2, 'b'), keyed(3, 'c')];
    const after = [keyed(11, 'a'), keyed(12, 'b'), keyed(13, 'c')];
    const [one, other] = [
      createBalancer(policy, before, context()),
      createBalancer(policy, after, context()),
    ];
    for (let i = 0; i < 100; i++)
      assert.equal(before.indexOf(one.pick(hashed(i))!), after.indexOf(other.pick(hashed(i))!));
  }
});

test('MurmurHash2 gives the values of its definition', () => {
  // What g++'s std::hash<std::string> prints, which is MurmurHash64A with this seed.
  assert.equal(murmurHash2('foo'), 9631199822919835226n);
  assert.equal(murmurHash2('10.0.0.1:80_0'), 13659246566588789388n);
  assert.equal(murmurHash2('10.244.0.17:8080_1023'), 7077543177688410416n);
});

test('a new host starts with a small share and has its own when the window is over', () => {
  nowMs = 0;
  const slowStart = { windowMs: 60_000, aggression: 1, minWeightPercent: 10 };
  for (const policy of [{ kind: 'round_robin', slowStart } as const, { ...leastRequest, slowStart }]) {
    nowMs = 0;
    const old = host(1);
    nowMs = 100_000;
    const fresh = host(2);
    const list = [old, fresh];
    const balancer = createBalancer(policy, list, context());
    const at = (ageMs: number): number => {
      nowMs = 100_000 + ageMs;
      return shares(balancer, list, 10_000)[1]!;
    };
    assert.ok(Math.abs(at(0) - 0.1 / 1.1) < 0.01, policy.kind);
    assert.ok(Math.abs(at(30_000) - 0.5 / 1.5) < 0.01, policy.kind);
    assert.ok(Math.abs(at(60_000) - 0.5) < 0.01, policy.kind);
  }
  nowMs = 0;
});

test('a full scan finds the one host that is idle, and spreads over several', () => {
  const list = hosts(1, 1, 1, 1, 1);
  for (const one of list) one.active = 2;
  list[3]!.active = 0;
  const scan = createBalancer({ ...leastRequest, fullScan: true }, list, context());
  assert.equal(shares(scan, list, 100)[3], 1);
  list[1]!.active = 0;
  const got = shares(scan, list, picks);
  assertShare(got[1], 0.5, picks);
  assertShare(got[3], 0.5, picks);
});

test('with bounded load no host gets more than its share of the requests under way', () => {
  for (const policy of [ring, maglev]) {
    const list = hosts(1, 1, 1, 1);
    const balancer = createBalancer({ ...policy, hashBalanceFactor: 125 }, list, context());
    // All with one hash: without the bound all would be one host's.
    const first = balancer.pick(hashed(7));
    for (let i = 0; i < 100; i++) balancer.pick(hashed(7))!.active++;
    for (const one of list) assert.ok(one.active <= Math.ceil((100 * 1.25) / 4) + 1, `${one.active}`);
    assert.ok(first!.active >= 25);
    for (const one of list) one.active = 0;
    assert.equal(balancer.pick(hashed(7)), first);
  }
});

test('a host keeps its requests until it has more than its share, as with Envoy', () => {
  for (const policy of [ring, maglev]) {
    const balancer = createBalancer({ ...policy, hashBalanceFactor: 150 }, hosts(1, 1), context());
    const wanted = balancer.pick(hashed(7));
    assert.ok(wanted !== undefined);
    // Half of 1.5 times 4 requests, the next one among them, is 3; of 8 it is 6.
    for (const [active, stays] of [
      [3, true],
      [7, false],
    ] as const) {
      wanted.active = active;
      assert.equal(balancer.pick(hashed(7)) === wanted, stays);
    }
  }
});

const rules: BalancingRules = {
  policy: { kind: 'round_robin' },
  localityWeighted: false,
  panicThresholdPercent: 50,
  overprovisioningPercent: 140,
};
const noPanic = (): void => assert.fail('no panic was expected');

function group(
  list: readonly Host[],
  weight = 0,
): { readonly weight: number; readonly hosts: readonly Host[] } {
  return { weight, hosts: list };
}

test('the next priority is used as far as the one before it is not healthy, by 140 per cent', () => {
  for (const policy of policies) {
    const first = [host(1), host(2), host(3, 1, 'unhealthy'), host(4, 1, 'unhealthy')];
    const second = [host(5)];
    const balancer = new PriorityBalancer(
      [[group(first)], [group(second)]],
      { ...rules, policy },
      context(),
      noPanic,
    );
    const all = [...first, ...second];
    const got = shares(balancer, all, picks);
    // Half of the first is healthy: 0.5 x 1.4 of the requests stay.
    assertShare(got[4], 0.3, picks, policy.kind);
    assert.equal(got[2]! + got[3]!, 0);
  }
});

test('a retry leaves the priorities alone that failed it, as long as others have a healthy host', () => {
  const first = [host(1)];
  const second = [host(2)];
  const third = [host(3, 1, 'unhealthy')];
  const balancer = new PriorityBalancer(
    [[group(first)], [group(second)], [group(third)]],
    rules,
    context(),
    noPanic,
  );
  const avoiding = (...avoided: number[]): Host | undefined =>
    balancer.pick({ ...plain, avoidPriorities: new Set(avoided) });
  assert.equal(balancer.pick(plain), first[0]);
  assert.equal(avoiding(0), second[0]);
  assert.equal(avoiding(1), first[0]);
  // Nobody healthy is left: all over again.
  assert.equal(avoiding(0, 1), first[0]);
});

test('below the panic threshold all hosts of the cluster are used, and it is counted', () => {
  let panics = 0;
  const list = [host(1), host(2, 1, 'unhealthy'), host(3, 1, 'unhealthy'), host(4, 1, 'draining')];
  const balancer = new PriorityBalancer([[group(list)]], rules, context(), () => panics++);
  for (const share of shares(balancer, list, 400)) assert.equal(share, 0.25);
  assert.equal(panics, 400);
  const calm = new PriorityBalancer(
    [[group(list)]],
    { ...rules, panicThresholdPercent: 0 },
    context(),
    noPanic,
  );
  assert.equal(shares(calm, list, 100)[0], 1);
});

test('a cluster without hosts is in panic, as with Envoy', () => {
  let panics = 0;
  for (const priorities of [[], [[]], [[group([])]]]) {
    const balancer = new PriorityBalancer(priorities, rules, context(), () => panics++);
    assert.equal(balancer.pick(plain), undefined);
  }
  assert.equal(panics, 3);
  const calm = new PriorityBalancer([], { ...rules, panicThresholdPercent: 0 }, context(), noPanic);
  assert.equal(calm.pick(plain), undefined);
});

test('without panic a cluster that has no healthy host gives none', () => {
  const list = [host(1, 1, 'unhealthy')];
  const balancer = new PriorityBalancer(
    [[group(list)]],
    { ...rules, panicThresholdPercent: 0 },
    context(),
    noPanic,
  );
  assert.equal(balancer.pick(plain), undefined);
});

test('degraded hosts take over what the healthy ones of all priorities lack', () => {
  const first = [host(1), host(2, 1, 'degraded'), host(3, 1, 'degraded'), host(4, 1, 'degraded')];
  const balancer = new PriorityBalancer([[group(first)]], rules, context(), noPanic);
  const got = shares(balancer, first, picks);
  assertShare(got[0], 0.35, picks);
});

test('localities share by their weights, less what their lost hosts would have carried', () => {
  for (const policy of policies) {
    const near = [host(1), host(2)];
    const far = [host(3)];
    const weighted = { ...rules, policy, localityWeighted: true };
    const whole = new PriorityBalancer([[group(near, 80), group(far, 20)]], weighted, context(), noPanic);
    const slack = policy.kind === 'ring_hash' ? 0.02 : 0.015;
    assert.ok(Math.abs(shares(whole, far, picks)[0]! - 0.2) < slack, policy.kind);
    near[1]!.ejected = true;
    const hurt = new PriorityBalancer([[group(near, 80), group(far, 20)]], weighted, context(), noPanic);
    // 80 x 0.5 x 1.4 = 56 against 20.
    assert.ok(Math.abs(shares(hurt, far, picks)[0]! - 20 / 76) < slack, policy.kind);
  }
});

test('localities without weights are one', () => {
  const weighted = { ...rules, localityWeighted: true };
  const list = [host(1), host(2), host(3)];
  const balancer = new PriorityBalancer(
    [[group(list.slice(0, 2)), group(list.slice(2))]],
    weighted,
    context(),
    noPanic,
  );
  for (const share of shares(balancer, list, 300)) assert.equal(share, 1 / 3);
});
