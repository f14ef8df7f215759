import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DomainTable, lowerHost, withoutPort } from './domain-match.ts';

function table(...domains: string[]): DomainTable<string> {
  const made = new DomainTable<string>();
  for (const domain of domains) assert.ok(made.add(domain, domain));
  return made;
}

test('the exact name wins, then the longest suffix, then the longest prefix, then any', () => {
  const hosts = table('*', 'a.example', '*.example', '*.b.example', 'a.*', 'a.b.*', '*-v2.example');
  assert.equal(hosts.find('a.example'), 'a.example');
  assert.equal(hosts.find('x.b.example'), '*.b.example');
  assert.equal(hosts.find('x.example'), '*.example');
  assert.equal(hosts.find('web-v2.example'), '*-v2.example');
  assert.equal(hosts.find('a.b.c'), 'a.b.*');
  assert.equal(hosts.find('a.c'), 'a.*');
  assert.equal(hosts.find('other'), '*');
});

test('a wildcard stands for at least one character', () => {
  const hosts = table('*.example', 'a.*');
  assert.equal(hosts.find('.example'), undefined);
  assert.equal(hosts.find('a.'), undefined);
});

test('a domain can be taken once only, whatever its case', () => {
  const hosts = table('A.example');
  assert.equal(hosts.add('a.EXAMPLE', 'again'), false);
  assert.equal(hosts.find('a.example'), 'A.example');
});

test('the table finds what a look at each domain in turn finds', () => {
  const label = fc.constantFrom('a', 'b', 'a.b', 'b.a', 'a.b.c');
  const domain = fc.oneof(
    label,
    label.map((l) => `*.${l}`),
    label.map((l) => `${l}.*`),
    fc.constant('*'),
  );
  const rank = (domain: string, host: string): number => {
    if (domain === host) return 1_000;
    if (domain === '*') return 1;
    if (domain.startsWith('*')) {
      const part = domain.slice(1);
      return host.length > part.length && host.endsWith(part) ? 500 + part.length : 0;
    }
    if (!domain.endsWith('*')) return 0;
    const part = domain.slice(0, -1);
    return host.length > part.length && host.startsWith(part) ? 100 + part.length : 0;
  };
  fc.assert(
    fc.property(fc.uniqueArray(domain, { maxLength: 8 }), label, (domains, host) => {
      let best: string | undefined;
      for (const one of domains) {
        if (rank(one, host) > (best === undefined ? 0 : rank(best, host))) best = one;
      }
      assert.equal(table(...domains).find(host), best);
    }),
  );
});

test('hosts lose their capitals and their port, IPv6 addresses keep their colons', () => {
  assert.equal(lowerHost('Reviews.Default:9080'), 'reviews.default:9080');
  assert.equal(withoutPort('reviews:9080'), 'reviews');
  assert.equal(withoutPort('[::1]:80'), '[::1]');
  assert.equal(withoutPort('[::1]'), '[::1]');
  assert.equal(withoutPort('reviews'), 'reviews');
});
