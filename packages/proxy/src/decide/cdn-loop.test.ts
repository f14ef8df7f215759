import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countCdnLoops, isCdnId } from './cdn-loop.ts';

test('a CDN is counted as often as the header names it', () => {
  for (const [header, count] of [
    ['', 0],
    ['a', 1],
    ['a, b, a', 2],
    [' a ; version=1 ,\ta;x="quoted, \\" a" ', 2],
    [',,a,,', 1],
    ['A', 0],
    ['a:443', 0],
    ['b;a=a', 0],
    ['[2001:db8::1]:443, a', 1],
  ] as const)
    assert.equal(countCdnLoops(header, 'a'), count, header);
  assert.equal(countCdnLoops('[::1]:80,[::1]', '[::1]:80'), 1);
});

test('what is no CDN-Loop header is not counted', () => {
  for (const header of [
    '"a"',
    'a b',
    'a;',
    'a;x',
    'a;x=',
    'a;x="y',
    'a;x="y\\"',
    '[]',
    '[::1',
    'a/b',
    'a:b',
    ';x=y',
  ])
    assert.equal(countCdnLoops(header, 'a'), undefined, header);
});

test('names are hosts, with or without a port, and tokens', () => {
  for (const id of ['cdn.example', 'cdn.example:443', '[::1]', '[::1]:80', 'x_1']) assert.ok(isCdnId(id), id);
  for (const id of ['', 'a b', '"a"', 'a,b', 'a:x', 'a;b=c']) assert.ok(!isCdnId(id), id);
});
