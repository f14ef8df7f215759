import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeConfig } from './decode-config.ts';
import { configKinds, type ConfigKind } from './kinds/config-kinds.ts';
import type { ShapeKeywords } from './schema/shape.ts';

/** Values that fit a shape nearly: right in most places, wrong in some. */
function nearly(shape: ShapeKeywords, depth = 0): fc.Arbitrary<unknown> {
  const wrong = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constant(null));
  const right = ((): fc.Arbitrary<unknown> => {
    if (shape['x-duration'] === true) return fc.constantFrom('1s', '0s', '-1s', '1h5m', 'x', '0.1ms');
    if (shape.enum !== undefined) return fc.constantFrom(...shape.enum);
    switch (shape.type) {
      case 'string':
        return fc.constantFrom(
          '',
          'a',
          '*',
          '*.a.com',
          'a/b',
          '1.2.3.4',
          'unix:///x',
          '(',
          '0',
          'HTTP',
          '10.0.0.0/8',
          '__proto__',
        );
      case 'boolean':
        return fc.boolean();
      case 'integer':
      case 'number':
        return fc.constantFrom(0, 1, 80, 100, -1, 0.5, 65_536);
      case 'array':
        return fc.array(nearly(shape.items ?? {}, depth + 1), { maxLength: 2 });
      case 'object': {
        if (depth > 6) return fc.constant({});
        if (shape.properties === undefined) {
          return fc.dictionary(
            fc.constantFrom('a', 'x/y', '__proto__', '80'),
            nearly(shape.additionalProperties ?? {}, depth + 1),
            { maxKeys: 2 },
          );
        }
        return fc.record(
          Object.fromEntries(
            Object.entries(shape.properties).map(([name, field]) => [name, nearly(field, depth + 1)]),
          ),
          { requiredKeys: [...(shape.required ?? [])] },
        );
      }
      default:
        return fc.anything();
    }
  })();
  return fc.oneof({ weight: 30, arbitrary: right }, { weight: 1, arbitrary: wrong });
}

test('nothing of nearly the right shape makes the decoder fail otherwise than by naming problems', () => {
  for (const kind of Object.values<ConfigKind>(configKinds)) {
    fc.assert(
      fc.property(nearly(kind.shape), (spec) => {
        const result = decodeConfig({
          apiVersion: `${kind.group}/${kind.versions[0] ?? ''}`,
          kind: kind.kind,
          metadata: { name: 'x' },
          spec,
        });
        if (!result.ok) assert.ok(result.problems.length > 0);
      }),
      { numRuns: 60 },
    );
  }
});

test('values of any kind are decoded or refused, never thrown at', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      assert.equal(decodeConfig(value).ok, false);
    }),
  );
});
