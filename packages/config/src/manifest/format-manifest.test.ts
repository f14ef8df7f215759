import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatManifests } from './format-manifest.ts';
import { parseManifests } from './parse-manifests.ts';

test('what is written is read back the same', () => {
  const texts = fc.constantFrom(
    'yes',
    'no',
    'on',
    'y',
    'n',
    '0644',
    '1e3',
    '1_000',
    '22:22',
    '2019-01-01',
    '~',
    'null',
    '',
    ' a',
    '- a',
    '*x',
    '0x1f',
    '.5',
    '!a',
    '#',
    'a: b',
    'true',
    'a\nb\n',
  );
  const value = fc.letrec((tie) => ({
    value: fc.oneof(texts, fc.string(), fc.integer(), fc.boolean(), tie('list'), tie('map')),
    list: fc.array(tie('value'), { maxLength: 3 }),
    map: fc.dictionary(fc.oneof(texts, fc.string()), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  }));
  fc.assert(
    fc.property(
      fc.array(fc.record({ a: value.value, b: value.map }, { noNullPrototype: true }), {
        minLength: 1,
        maxLength: 3,
      }),
      (objects) => {
        fc.pre(!JSON.stringify(objects).includes('__proto__'));
        const { documents, problems } = parseManifests(formatManifests(objects), 'x');
        assert.deepEqual(problems, []);
        assert.deepEqual(
          documents.map(({ object }) => object),
          objects,
        );
      },
    ),
    { numRuns: 200 },
  );
});
