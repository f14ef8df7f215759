import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { readDiskLayer } from './disk-layer.ts';
import { entryOfText, valuesOfJson } from './runtime-entry.ts';
import { Runtime } from './runtime.ts';

test('values are numbers, switches and shares; a whole number in place of a share is a percentage', () => {
  assert.equal(entryOfText('17').number, 17);
  assert.equal(entryOfText('1.5').number, 1.5);
  assert.equal(entryOfText('TRUE').boolean, true);
  assert.equal(entryOfText('maybe').boolean, undefined);
  assert.deepEqual(entryOfText('30').fraction, { numerator: 30, denominator: 100 });
  assert.deepEqual(entryOfText('300').fraction, { numerator: 100, denominator: 100 });
  assert.deepEqual(entryOfText('99.9').fraction, { numerator: 99, denominator: 100 });
  assert.equal(entryOfText('-1').fraction, undefined);
  assert.equal(entryOfText('Infinity').fraction?.numerator, 100);
  assert.deepEqual(entryOfText('numerator: 4\ndenominator: MILLION\n').fraction, {
    numerator: 4,
    denominator: 1_000_000,
  });
  assert.deepEqual(entryOfText("denominator: 'TEN_THOUSAND'").fraction, {
    numerator: 0,
    denominator: 10_000,
  });
  assert.equal(entryOfText('numerator: 4\nother: 1').fraction, undefined);
  assert.equal(entryOfText('numerator: many').fraction, undefined);
  assert.deepEqual(entryOfText('{"numerator": 5, "denominator": "MILLION"}').fraction, {
    numerator: 5,
    denominator: 1_000_000,
  });
  assert.equal(entryOfText('{"numerator": "many"}').fraction, undefined);
});

test('objects within objects make keys with dots, up to a fractional percent', () => {
  const values = valuesOfJson({ a: { b: { c: 1 } }, 'a.d': 'x', e: { denominator: 'TEN_THOUSAND' }, l: [1] });
  assert.deepEqual([...values.keys()], ['a.b.c', 'a.d', 'e']);
  assert.deepEqual(values.get('e')?.fraction, { numerator: 0, denominator: 10_000 });
});

test('any JSON is read as a layer without an error, and any text as a value', () => {
  fc.assert(fc.property(fc.json(), (json) => void valuesOfJson(JSON.parse(json))));
  fc.assert(fc.property(fc.string(), (text) => entryOfText(text).text === text));
});

test('the last layer that has a key holds, and what follows a key sees each change', () => {
  const runtime = new Runtime([
    { name: 'base', kind: 'static', values: valuesOfJson({ share: 10, only: 1 }) },
    { name: 'admin', kind: 'admin', values: new Map() },
  ]);
  const live = runtime.fraction({ numerator: 50, denominator: 100, runtimeKey: 'share' });
  const other = runtime.fraction({ numerator: 50, denominator: 100, runtimeKey: 'unset' });
  const fixed = { numerator: 1, denominator: 100 } as const;
  assert.equal(runtime.fraction(fixed), fixed);
  let changes = 0;
  runtime.onChange(() => changes++);
  assert.deepEqual([live.numerator, other.numerator], [10, 50]);
  assert.equal(
    runtime.modify([
      ['share', '20'],
      ['unset', '{"numerator": 7, "denominator": "MILLION"}'],
    ]),
    true,
  );
  assert.deepEqual([live.numerator, other.numerator, other.denominator], [20, 7, 1_000_000]);
  runtime.modify([['share', '']]);
  assert.equal(live.numerator, 10);
  assert.equal(changes, 2);
  assert.equal(runtime.number('only', 9), 1);
  assert.equal(new Runtime().modify([['a', '1']]), false);
});

test('a layer on disk has a key for each file; comments and links to other trees are understood', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'lateen-runtime-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'v1', 'health'), { recursive: true });
  writeFileSync(join(root, 'v1', 'health', 'interval'), '# how often\n12 \n');
  writeFileSync(join(root, 'v1', '.hidden'), '1');
  symlinkSync('v1', join(root, 'now'));
  assert.deepEqual(
    [...readDiskLayer(join(root, 'now'))].map(([key, { number }]) => [key, number]),
    [['health.interval', 12]],
  );
  assert.equal(readDiskLayer(join(root, 'absent')).size, 0);
  symlinkSync('.', join(root, 'v1', 'loop'));
  assert.throws(() => readDiskLayer(join(root, 'now')), /too deeply/);
});
