import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseEncoding, parseAcceptEncoding, type OfferedEncoding } from './accept-encoding.ts';

const gzip: OfferedEncoding = { name: 'gzip', chooseFirst: false };
const brotli: OfferedEncoding = { name: 'br', chooseFirst: false };

function choose(value: string, ...offered: OfferedEncoding[]): string {
  const choice = chooseEncoding(parseAcceptEncoding(value), offered);
  return 'name' in choice ? `${choice.kind} ${choice.name}` : choice.kind;
}

test('a client gets the encoding that it gives the most weight', () => {
  assert.equal(choose('gzip', gzip), 'named gzip');
  assert.equal(choose('br, gzip', gzip), 'named gzip');
  assert.equal(choose('gzip;q=0.5, br;q=0.8', gzip, brotli), 'named br');
  assert.equal(choose('GZIP ; Q=0.5', gzip), 'named gzip');
  assert.equal(choose('gzip;q=0.3, identity;q=0.8', gzip), 'identity');
});

test('a weight of zero forbids an encoding, whatever stands for all', () => {
  assert.equal(choose('gzip;q=0', gzip), 'invalid');
  assert.equal(choose('gzip;q=0, *;q=1', gzip), 'invalid');
  assert.equal(choose('*;q=0, gzip;q=1', gzip), 'named gzip');
  assert.equal(choose('gzip;q=0, *', gzip, brotli), 'wildcard br');
});

test('among equals the order of the client decides, or the compressor that asks to be first', () => {
  assert.equal(choose('br, gzip', gzip, brotli), 'named br');
  assert.equal(choose('br, gzip', { ...gzip, chooseFirst: true }, brotli), 'named gzip');
  assert.equal(
    choose('gzip, br', { ...gzip, chooseFirst: true }, { ...brotli, chooseFirst: true }),
    'named br',
  );
});

test('what is no encoding, or has no weight that is one, counts for nothing', () => {
  for (const value of ['', ' , ;', 'gzip;q=x', 'gzip;q=', 'gzip;q=2', 'deflate']) {
    assert.equal(choose(value, gzip), 'invalid', value);
  }
  fc.assert(
    fc.property(fc.string(), (value) => {
      for (const { name, weight } of parseAcceptEncoding(value)) {
        assert.ok(name !== '' && weight >= 0 && weight <= 1);
      }
    }),
  );
});
