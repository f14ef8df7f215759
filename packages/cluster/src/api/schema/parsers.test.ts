import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { cloneJson, sameJson, type JsonObject } from '@lateen/kube';
import { decodeFields } from './decode-fields.ts';
import { duplicateKeys } from './duplicate-keys.ts';
import { FieldTable } from './field-table.ts';
import { canonicalQuantity, parseQuantity, quantityValue } from './quantity.ts';

describe('duplicate keys', () => {
  test('are found by path, at any depth, also where they are escaped', () => {
    assert.deepEqual(duplicateKeys('{"a":1,"b":{"c":[{"d":1,"d":2}]},"a":3}'), ['b.c[0].d', 'a']);
    assert.deepEqual(duplicateKeys('{"a":1,"\\u0061":2}'), ['a']);
    assert.deepEqual(duplicateKeys(' {"a" : "}\\"{" , "b":[1, {"a":2}, "x" ] } '), []);
  });

  test('are none in what JSON.stringify writes, and one where a field is written twice', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.string(), (value, name) => {
        for (const space of [0, 2]) assert.deepEqual(duplicateKeys(JSON.stringify(value, null, space)), []);
        const field = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
        assert.deepEqual(duplicateKeys(`[{${field},${field}}]`), [name === '' ? '[0].' : `[0].${name}`]);
      }),
    );
  });
});

describe('quantities', () => {
  test('have one canonical form', () => {
    const pairs = {
      '0.1': '100m',
      '200': '200',
      '1000m': '1',
      '1.5Gi': '1536Mi',
      '1024Mi': '1Gi',
      '0.5Gi': '512Mi',
      '1e3': '1e3',
      '1500': '1500',
      '12000': '12k',
      '-1.5': '-1500m',
      '0': '0',
      '.5': '500m',
      '100Ki': '100Ki',
    };
    for (const [text, wanted] of Object.entries(pairs)) assert.equal(canonicalQuantity(text), wanted, text);
    for (const bad of ['', 'abc', '1 Gi', '1KiB', '--1', '1e', '0x10'])
      assert.equal(canonicalQuantity(bad), undefined, bad);
  });

  test('keep their value in the canonical form, which is its own canonical form', () => {
    const number = fc.tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 0, max: 999 }));
    const suffix = fc.constantFrom('', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3');
    fc.assert(
      fc.property(number, suffix, ([whole, fraction], unit) => {
        const text = `${whole}.${String(fraction).padStart(3, '0')}${unit}`;
        const canonical = canonicalQuantity(text) ?? '';
        assert.equal(parseQuantity(canonical)?.milli, parseQuantity(text)?.milli);
        assert.equal(canonicalQuantity(canonical), canonical);
        assert.ok(Math.abs(quantityValue(canonical) - quantityValue(text)) < 0.001);
      }),
    );
  });
});

describe('decoding by the field tables', () => {
  const pod = new FieldTable().schema('V1Pod');

  test('whatever the input, decoding ends, and decoding again finds nothing more to take out', () => {
    const name = fc.constantFrom(
      'metadata',
      'spec',
      'containers',
      'name',
      'labels',
      'ports',
      'resources',
      'limits',
      'x',
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, true, 1, 1.5, 'text', '1Gi'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(name, tie('value'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 5 }), (object) => {
        const decoded = cloneJson(object) as JsonObject;
        const first = decodeFields(decoded, pod);
        const again = cloneJson(decoded);
        const second = decodeFields(again, pod);
        assert.deepEqual(second.unknown, []);
        if (first.wrong.length === 0) assert.ok(sameJson(again, decoded));
      }),
    );
  });

  test('nulls go, nulls in lists and maps are the zero value, as Go reads them', () => {
    const object: JsonObject = {
      metadata: { name: 'a', labels: { a: null }, creationTimestamp: null },
      spec: { containers: [null, { name: 'c', args: [null, 'x'], ports: [] }], nodeName: null },
    };
    assert.deepEqual(decodeFields(object, pod), { unknown: [], wrong: [] });
    assert.deepEqual(object, {
      metadata: { name: 'a', labels: { a: '' } },
      spec: { containers: [{}, { name: 'c', args: ['', 'x'] }] },
    });
  });
});
