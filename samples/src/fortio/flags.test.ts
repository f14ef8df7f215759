import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, parseFlags } from './flags.ts';

test('flags are read in every form of Go, up to the first word that is none', () => {
  const kinds = { c: 'value', qps: 'value', curl: 'switch', H: 'value' } as const;
  const flags = parseFlags(
    ['-c', '2', '--qps=0', '-curl', '-H', 'a: 1', '-H=b: 2', 'http://x/', '-c', '9'],
    kinds,
  );
  assert.equal(flags.value('c'), '2');
  assert.equal(flags.value('qps'), '0');
  assert.equal(flags.on('curl', false), true);
  assert.deepEqual(flags.all('H'), ['a: 1', 'b: 2']);
  assert.deepEqual(flags.rest, ['http://x/', '-c', '9']);
});

test('an unknown flag and a missing value are named', () => {
  assert.throws(() => parseFlags(['-zz'], {}), /not defined: -zz/);
  assert.throws(() => parseFlags(['-c'], { c: 'value' }), /needs an argument: -c/);
});

test('durations add up their parts and nothing else', () => {
  assert.equal(parseDuration('1m30s'), 90_000);
  assert.equal(parseDuration('250ms'), 250);
  assert.throws(() => parseDuration('5'), /is no duration/);
  assert.throws(() => parseDuration('5x'), /is no duration/);
});
