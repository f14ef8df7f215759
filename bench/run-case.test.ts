import assert from 'node:assert/strict';
import { test } from 'node:test';
import { turnOrder } from './run-case.ts';

interface Named {
  readonly name: string;
  readonly goesFirst?: boolean;
}

const three: readonly Named[] = ['lateen', 'haproxy', 'nginx'].map((name) => ({ name }));
const orderOf = (contenders: readonly Named[], round: number): string =>
  turnOrder(contenders, round)
    .map(({ name }) => name)
    .join(' ');

test('another contender begins each round', () => {
  assert.equal(orderOf(three, 1), 'lateen haproxy nginx');
  assert.equal(orderOf(three, 2), 'haproxy nginx lateen');
  assert.equal(orderOf(three, 4), orderOf(three, 1));
});

test('what others are compared with within a round comes before them', () => {
  const four = [...three, { name: 'direct', goesFirst: true }];
  assert.equal(orderOf(four, 1), 'direct lateen haproxy nginx');
  assert.equal(orderOf(four, 3), 'direct nginx lateen haproxy');
});
