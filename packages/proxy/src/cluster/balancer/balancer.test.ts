import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host } from '../host.ts';
import type { LoadBalancing } from '../../model/cluster.ts';
import { createBalancer, type BalancerRequest } from './balancer.ts';

const request: BalancerRequest = { hash: () => undefined, shouldAvoid: () => false };
const locality = { region: '', zone: '', subZone: '' };

function hosts(...weights: number[]): Host[] {
  return weights.map(
    (weight, i) =>
      new Host(
        {
          address: { kind: 'socket', address: `10.0.0.${i + 1}`, port: 80 },
          hostname: '',
          healthStatus: 'healthy',
          weight,
          metadata: {},
        },
        locality,
        0,
      ),
  );
}

function shares(policy: LoadBalancing, list: readonly Host[], picks: number): number[] {
  // A fixed sequence, so that the test says the same each time.
  let seed = 12345;
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const balancer = createBalancer(policy, list, random);
  const counts = list.map(() => 0);
  for (let i = 0; i < picks; i++) {
    const at = list.indexOf(balancer.pick(request)!);
    counts[at] = counts[at]! + 1;
  }
  return counts.map((count) => count / picks);
}

const policies: LoadBalancing[] = [
  { kind: 'round_robin' },
  { kind: 'random' },
  { kind: 'least_request', choiceCount: 2, activeRequestBias: 1 },
];

for (const policy of policies) {
  test(`${policy.kind} spreads evenly over equal hosts`, () => {
    for (const share of shares(policy, hosts(1, 1, 1, 1), 20_000)) assert.ok(Math.abs(share - 0.25) < 0.015);
  });

  test(`${policy.kind} gives nothing where there is no host and the one where there is one`, () => {
    assert.equal(createBalancer(policy, [], Math.random).pick(request), undefined);
    const [only] = hosts(7);
    assert.equal(createBalancer(policy, [only!], Math.random).pick(request), only);
  });
}

test('weights decide the shares of round robin and random', () => {
  for (const kind of ['round_robin', 'random'] as const) {
    const [a, b, c] = shares({ kind }, hosts(1, 3, 6), 20_000);
    assert.ok(Math.abs(a! - 0.1) < 0.015, `${kind} ${a}`);
    assert.ok(Math.abs(b! - 0.3) < 0.015, `${kind} ${b}`);
    assert.ok(Math.abs(c! - 0.6) < 0.015, `${kind} ${c}`);
  }
});

test('round robin visits each host once in a round', () => {
  const list = hosts(1, 1, 1);
  const balancer = createBalancer({ kind: 'round_robin' }, list, () => 0.5);
  assert.equal(new Set([balancer.pick(request), balancer.pick(request), balancer.pick(request)]).size, 3);
});

test('least request keeps away from a busy host', () => {
  const list = hosts(1, 1);
  list[0]!.active = 10;
  const [busy] = shares({ kind: 'least_request', choiceCount: 2, activeRequestBias: 1 }, list, 2_000);
  assert.ok(busy! < 0.3);
});
