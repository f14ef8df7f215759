import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyFilterChainMatch, type FilterChainMatch } from '../model/listener.ts';
import { FilterChainTable, type ConnectionTraits } from './filter-chain-match.ts';

function table(chains: Record<string, Partial<FilterChainMatch>>): FilterChainTable<string> {
  return new FilterChainTable(
    Object.entries(chains).map(([chain, match]) => ({ chain, match: { ...anyFilterChainMatch, ...match } })),
  );
}

function traits(port: number, more: Partial<ConnectionTraits> = {}): ConnectionTraits {
  const source = { kind: 'socket', address: '10.0.0.9', port: 40_000 } as const;
  return {
    destination: { kind: 'socket', address: '10.0.0.1', port },
    source,
    directSource: source,
    serverName: '',
    transportProtocol: 'raw_buffer',
    applicationProtocols: [],
    ...more,
  };
}

test('the destination port comes before everything else', () => {
  const chains = table({ port: { destinationPort: 80 }, sni: { serverNames: ['a.example'] }, any: {} });
  assert.equal(chains.find(traits(80, { serverName: 'a.example' })), 'port');
  assert.equal(chains.find(traits(81, { serverName: 'a.example' })), 'sni');
  assert.equal(chains.find(traits(81)), 'any');
});

test('a port that is named is not left for a chain without one', () => {
  const chains = table({ tls80: { destinationPort: 80, transportProtocol: 'tls' }, any: {} });
  assert.equal(chains.find(traits(80)), undefined);
});

test('the longest prefix and the longest server name win', () => {
  const chains = table({
    wide: { prefixRanges: [{ address: '10.0.0.0', prefixLength: 8 }] },
    narrow: { prefixRanges: [{ address: '10.0.0.0', prefixLength: 24 }] },
  });
  assert.equal(chains.find(traits(80)), 'narrow');
  const names = table({
    exact: { serverNames: ['a.b.c'] },
    near: { serverNames: ['*.b.c'] },
    far: { serverNames: ['*.c'] },
  });
  assert.equal(names.find(traits(443, { serverName: 'a.b.c' })), 'exact');
  assert.equal(names.find(traits(443, { serverName: 'x.b.c' })), 'near');
  assert.equal(names.find(traits(443, { serverName: 'x.y.c' })), 'far');
  assert.equal(names.find(traits(443, { serverName: 'x.y.d' })), undefined);
});

test('detected protocols choose between HTTP and the rest', () => {
  const chains = table({
    http: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] },
    rest: { transportProtocol: 'raw_buffer' },
  });
  assert.equal(chains.find(traits(80, { applicationProtocols: ['http/1.1'] })), 'http');
  assert.equal(chains.find(traits(80)), 'rest');
});

test('the loopback is one address', () => {
  const chains = table({ local: { sourceType: 'same_ip_or_loopback' }, outside: { sourceType: 'external' } });
  const from = (address: string): string | undefined =>
    chains.find(traits(80, { source: { kind: 'socket', address, port: 1 } }));
  for (const address of ['127.0.0.1', '::1', '10.0.0.1']) assert.equal(from(address), 'local');
  for (const address of ['127.0.0.2', '10.0.0.2']) assert.equal(from(address), 'outside');
});
