import { encode } from './encode.ts';
import { isImplicitZero } from './implicit-zero.ts';
import type { AnyMessageType, Field } from './message-type.ts';

/** Messages of any type for property tests, the same for the same seed. Only tests import this. */
export class RandomMessages {
  #state: number;
  readonly #types: readonly AnyMessageType[];

  constructor(seed: number, types: readonly AnyMessageType[]) {
    this.#state = seed;
    this.#types = types;
  }

  /** A message in its decoded form, exactly as decoding its bytes gives it. */
  message(type: AnyMessageType, depth = 0): unknown {
    if (type.special !== undefined) return this.#special(type.typeName, depth);
    const message: Record<string, unknown> = {};
    const taken = new Set<string>();
    const chance = depth === 0 ? 0.6 : 0.5 / depth;
    for (const field of type.table.fields) {
      if (this.#next() > chance || (depth > 3 && field.kind === 'message')) continue;
      if (field.oneof !== undefined) {
        if (taken.has(field.oneof)) continue;
        taken.add(field.oneof);
      }
      const value = this.#field(field, depth);
      if (value !== undefined) message[field.name] = value;
    }
    return message;
  }

  #field(field: Field, depth: number): unknown {
    if (field.shape === 'repeated') {
      return Array.from({ length: 1 + this.#integer(3) }, () => this.#value(field, depth));
    }
    if (field.shape === 'map') {
      const map: Record<string, unknown> = {};
      for (let i = this.#integer(3); i >= 0; i--) {
        const key =
          field.mapKey === 'string'
            ? this.#text()
            : field.mapKey === 'bool'
              ? 'true'
              : String(this.#integer(99));
        map[key === '__proto__' ? 'x' : key] = this.#value(field, depth);
      }
      return map;
    }
    const value = this.#value(field, depth);
    return field.explicit || !isImplicitZero(field, value) ? value : undefined;
  }

  #value(field: Field, depth: number): unknown {
    if (field.message !== undefined) return this.message(field.message, depth + 1);
    if (field.enumeration !== undefined) {
      const names = [...field.enumeration.byNumber.values()];
      if (this.#next() > 0.1 || names.length === 1) return this.#pick(names);
      const unknown = 1000 + this.#integer(1000);
      return field.enumeration.byNumber.get(unknown) ?? unknown;
    }
    return this.#scalar(field.kind);
  }

  #scalar(kind: string): unknown {
    switch (kind) {
      case 'string':
        return this.#text();
      case 'bool':
        return this.#next() > 0.5;
      case 'bytes':
        return Uint8Array.from({ length: this.#integer(20) }, () => this.#integer(256));
      case 'double':
        return this.#pick([0, -0, 1.5, -1e300, 5e-324, Infinity, this.#next()]);
      case 'float':
        return this.#pick([0, 1.5, 0.25, -(2 ** 20), Infinity]);
      case 'int32':
      case 'sint32':
      case 'sfixed32':
        return this.#pick([0, 1, -1, 127, 128, 0x7fff_ffff, -0x8000_0000, this.#integer(1e6)]);
      case 'uint32':
      case 'fixed32':
        return this.#pick([0, 1, 127, 128, 16_383, 16_384, 0xffff_ffff, this.#integer(2 ** 32)]);
      case 'uint64':
      case 'fixed64':
        return this.#pick([0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 35, 2 ** 53 - 1, this.#integer(2 ** 50)]);
      default:
        return this.#pick([
          0,
          1,
          -1,
          2 ** 31,
          -(2 ** 32),
          2 ** 53 - 1,
          -(2 ** 53 - 1),
          this.#integer(2 ** 50),
        ]);
    }
  }

  #special(typeName: string, depth: number): unknown {
    switch (typeName.slice('google.protobuf.'.length)) {
      case 'Duration':
        return this.#pick([0, 250, -250, 1.5, 0.000001, 86_400_000, -1000.000001, 315_576_000_000_000]);
      case 'Timestamp':
        return this.#pick([0, -1, -0.5, 1.5, 1_700_000_000_123, 253_402_300_799_000]);
      case 'Struct':
        return this.#object(depth);
      case 'Value':
        return this.#json(depth);
      case 'ListValue':
        return [this.#json(depth), this.#json(depth)];
      case 'Empty':
        return {};
      case 'FieldMask':
        return ['a', 'foo_bar.baz'];
      case 'Any':
        return this.#any(depth);
      case 'BoolValue':
        return this.#scalar('bool');
      case 'StringValue':
        return this.#scalar('string');
      case 'BytesValue':
        return this.#scalar('bytes');
      case 'DoubleValue':
        return this.#pick([0, 1.5, -1e300]);
      default:
        return this.#scalar(typeName.slice('google.protobuf.'.length, -'Value'.length).toLowerCase());
    }
  }

  #any(depth: number): unknown {
    const type = this.#pick(this.#types);
    return {
      typeUrl: type.typeUrl,
      value: encode(type, this.message(type, depth + 2)),
    };
  }

  #object(depth: number): unknown {
    return Object.fromEntries(
      Array.from({ length: this.#integer(3) }, () => [this.#text(), this.#json(depth + 1)]),
    );
  }

  #json(depth: number): unknown {
    const leaf = [null, true, false, 0, -1.5, '', this.#text()];
    if (depth > 4 || this.#next() < 0.6) return this.#pick(leaf);
    return this.#next() < 0.5 ? this.#object(depth) : [this.#json(depth + 1)];
  }

  #text(): string {
    return this.#pick([
      '',
      'a',
      'reviews',
      'ü€',
      '😀',
      'x'.repeat(40),
      `k${this.#integer(1000)}`,
      'ü'.repeat(200),
    ]);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#integer(list.length)] as T;
  }

  #integer(end: number): number {
    return Math.floor(this.#next() * end);
  }

  /** The next number of a splitmix32, from 0 to 1. */
  #next(): number {
    this.#state = (this.#state + 0x9e37_79b9) | 0;
    let t = this.#state ^ (this.#state >>> 16);
    t = Math.imul(t, 0x21f0_aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a_2d97);
    return ((t ^ (t >>> 15)) >>> 0) / 0x1_0000_0000;
  }
}
