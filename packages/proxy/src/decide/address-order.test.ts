import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Address } from '../model/address.ts';
import { orderAddresses } from './address-order.ts';

const at = (address: string): Address => ({ kind: 'socket', address, port: 80 });
const list = ['::1', '::2', '::3', '10.0.0.1', '10.0.0.2'].map(at);

function order(firstFamily: 'default' | 'v4' | 'v6', firstCount: number, addresses = list): string[] {
  return orderAddresses(addresses, { firstFamily, firstCount }).map((one) =>
    one.kind === 'socket' ? one.address : one.path,
  );
}

test('families take turns, that of the first address first', () => {
  assert.deepEqual(order('default', 1), ['::1', '10.0.0.1', '::2', '10.0.0.2', '::3']);
  assert.deepEqual(order('default', 1, list.toReversed()), ['10.0.0.2', '::3', '10.0.0.1', '::2', '::1']);
});

test('the first family and how many of it come first may be chosen', () => {
  assert.deepEqual(order('v4', 1), ['10.0.0.1', '::1', '10.0.0.2', '::2', '::3']);
  assert.deepEqual(order('v6', 2), ['::1', '::2', '10.0.0.1', '::3', '10.0.0.2']);
});

test('where there is no address of the first family the others are tried all the same', () => {
  assert.deepEqual(order('v4', 1, list.slice(0, 2)), ['::1', '::2']);
  assert.deepEqual(order('v4', 1, []), []);
});
