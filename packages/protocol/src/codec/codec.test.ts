import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  createFileRegistry,
  createRegistry,
  fromBinary,
  fromJson as fromJsonEs,
  toBinary,
  toJson as toJsonEs,
  type DescMessage,
} from '@bufbuild/protobuf';
import * as wkt from '@bufbuild/protobuf/wkt';
import { allTypes } from '@lateen/protocol/all-types';
import fc from 'fast-check';
import { decode } from './decode.ts';
import { encode } from './encode.ts';
import { fromJson } from './from-json.ts';
import { typeRegistry } from './any.ts';
import type { AnyMessageType } from './message-type.ts';
import { RandomMessages } from './random-messages.ts';
import type { JsonValue } from './struct.ts';
import { toJson } from './to-json.ts';

// Everything that the codec does is compared with @bufbuild/protobuf over random messages of every type.

const descriptors = fromBinary(
  wkt.FileDescriptorSetSchema,
  readFileSync(new URL('../../gen/descriptors.binpb', import.meta.url)),
);
const reference = createRegistry(
  createFileRegistry(descriptors),
  ...Object.values(wkt).filter((value): value is typeof wkt.AnySchema => {
    return typeof value === 'object' && 'kind' in value && value.kind === 'message';
  }),
);
const registry = typeRegistry(allTypes);
const types = allTypes.filter((type) => type.special === undefined);

function referenceOf(type: AnyMessageType): DescMessage {
  const found = reference.getMessage(type.typeName);
  assert.ok(found, type.typeName);
  return found;
}

function value<T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

/** Random messages: `check` runs for each type with one seed a run. */
function forEveryType(check: (type: AnyMessageType, message: unknown) => void): void {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = new RandomMessages(seed, types);
      for (const type of types) {
        const message = random.message(type);
        try {
          check(type, message);
        } catch (error) {
          if (error instanceof Error) error.message = `${type.typeName}: ${error.message}`;
          throw error;
        }
      }
    }),
    // The example has a Value that is null.
    { numRuns: 3, endOnFailure: true, examples: [[48404802]] },
  );
}

describe('the codec agrees with protobuf-es', () => {
  test('on the types that there are', () => {
    assert.ok(types.length > 1000);
    for (const type of types) referenceOf(type);
  });

  test('on bytes, both ways', () => {
    forEveryType((type, message) => {
      const bytes = encode(type, message);
      assert.deepEqual(value(decode(type, bytes)), message, 'our own bytes');
      const theirs = toBinary(referenceOf(type), fromBinary(referenceOf(type), bytes));
      const unknown: [] = [];
      assert.deepEqual(value(decode(type, theirs, { unknown })), message, 'their bytes');
      assert.equal(unknown.length, 0);
      // Maps aside, whose order is nobody's, even the bytes are the same.
      assert.equal(theirs.length, bytes.length);
    });
  });

  test('on JSON, both ways', () => {
    forEveryType((type, message) => {
      const schema = referenceOf(type);
      const theirs = toJsonEs(schema, fromBinary(schema, encode(type, message)), { registry: reference });
      const ours = toJson(type, message, { registry }) as JsonValue;
      assert.deepEqual(ours, theirs);
      assert.deepEqual(value(fromJson(type, theirs, { registry })), message, 'their JSON');
      const back = toBinary(schema, fromJsonEs(schema, ours, { registry: reference }));
      assert.deepEqual(value(decode(type, back)), message, 'our JSON');
      const protoNames = toJson(type, message, { registry, protoNames: true });
      assert.deepEqual(value(fromJson(type, protoNames, { registry })), message, '.proto names');
    });
  });

  test('that broken bytes are broken, or else on what they mean', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 }), (seed, at, byte) => {
        const random = new RandomMessages(seed, types);
        const type = types[seed % types.length] as AnyMessageType;
        const bytes = encode(type, random.message(type));
        if (bytes.length === 0) return;
        bytes[at % bytes.length] = byte;
        const ours = decode(type, bytes);
        if (!ours.ok) {
          assert.match(ours.problems[0]?.message ?? '', /\w/);
          return;
        }
        // What we take, they take too, and both see the same in it.
        const theirs = fromBinary(referenceOf(type), bytes, { readUnknownFields: false });
        const again = decode(type, toBinary(referenceOf(type), theirs));
        assert.deepEqual(value(again), ours.value);
      }),
      { numRuns: 3000, endOnFailure: true },
    );
  });

  test('that truncated bytes are refused or mean less', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, cut) => {
        const type = types[seed % types.length] as AnyMessageType;
        const bytes = encode(type, new RandomMessages(seed, types).message(type));
        decode(type, bytes.subarray(0, cut % (bytes.length + 1)));
      }),
      { numRuns: 2000 },
    );
  });
});
