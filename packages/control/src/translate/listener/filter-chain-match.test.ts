import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FilterChain, FilterChainMatch } from '@lateen/protocol/envoy/config/listener/v3';
import { prefixRanges, withoutOverlap } from './filter-chain-match.ts';

const chain = (name: string, filterChainMatch: Partial<FilterChainMatch>): FilterChain => ({
  name,
  filterChainMatch,
});
const ten = prefixRanges(['10.0.0.0/8']);
const both = prefixRanges(['10.0.0.0/8', '192.0.2.1']);

test('a server name that two chains want is the first one’s', () => {
  assert.deepEqual(
    withoutOverlap([
      chain('a', { serverNames: ['a.com', 'b.com'] }),
      chain('b', { serverNames: ['b.com', 'c.com'] }),
      chain('c', { serverNames: ['a.com'] }),
    ]),
    [chain('a', { serverNames: ['a.com', 'b.com'] }), chain('b', { serverNames: ['c.com'] })],
  );
});

test('of names and blocks of addresses each pair is the first one’s', () => {
  assert.deepEqual(
    withoutOverlap([
      chain('a', { serverNames: ['a.com'], prefixRanges: ten }),
      chain('b', { serverNames: ['a.com', 'b.com', 'c.com'], prefixRanges: both }),
      chain('c', { serverNames: ['a.com'] }),
      chain('d', { prefixRanges: both }),
    ]),
    [
      chain('a', { serverNames: ['a.com'], prefixRanges: ten }),
      chain('b', { serverNames: ['a.com'], prefixRanges: prefixRanges(['192.0.2.1']) }),
      chain('b', { serverNames: ['b.com', 'c.com'], prefixRanges: both }),
      chain('c', { serverNames: ['a.com'] }),
      chain('d', { prefixRanges: both }),
    ],
  );
});

test('chains that differ in another condition stand beside each other, and of those without any the first stays', () => {
  const chains = [
    chain('plain', { transportProtocol: 'raw_buffer' }),
    chain('all', {}),
    { name: 'unmatched' },
  ];
  assert.deepEqual(withoutOverlap(chains), chains.slice(0, 2));
});
