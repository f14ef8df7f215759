import { ok, problems, type Problem, type Result } from '@lateen/core';
import { DecodeFailure } from './byte-reader.ts';
import { maxDepth } from './decode.ts';
import { encode } from './encode.ts';
import { isImplicitZero } from './implicit-zero.ts';
import type { AnyMessageType, Field, JsonReadContext, MessageType, TypeRegistry } from './message-type.ts';
import { nearestName } from './nearest-name.ts';
import { describe, scalarFromJson } from './scalar-json.ts';
import { setEntry } from './set-entry.ts';
import { typeNameOf } from './type-url.ts';
import { NullValue, Value, type Any } from './well-known.ts';

export interface FromJsonOptions {
  /** Types that may be inside an Any. */
  readonly registry?: TypeRegistry | undefined;
  /** Passes over fields that the type does not have; default false. */
  readonly ignoreUnknownFields?: boolean;
}

/**
 * Reads a message from protobuf's JSON (or from YAML parsed to the same values).
 *
 * Takes lowerCamelCase and .proto names. All problems are found, each with the path that the writer used:
 * unknown fields with the name that was probably meant, wrong types, numbers out of range, unknown enum values,
 * two members of a oneof, an `@type` that the registry lacks.
 */
export function fromJson<T>(type: MessageType<T>, json: unknown, options: FromJsonOptions = {}): Result<T> {
  const reader = new JsonReader(options);
  let value: unknown;
  reader.at('', () => {
    value = reader.message(type, json);
  });
  return reader.problems.length > 0 ? problems(reader.problems) : ok(value as T);
}

class JsonReader implements JsonReadContext {
  readonly problems: Problem[] = [];
  readonly #options: FromJsonOptions;
  #path = '';
  #depth = 0;

  constructor(options: FromJsonOptions) {
    this.#options = options;
  }

  fail(message: string): never {
    throw new DecodeFailure(message);
  }

  /** Runs `read` with the path lengthened; what fails in it is recorded and reading goes on behind it. */
  at(segment: string, read: () => void): void {
    const before = this.#path;
    this.#path = before === '' || segment.startsWith('[') ? before + segment : `${before}.${segment}`;
    const depth = this.#depth;
    try {
      read();
    } catch (error) {
      if (!(error instanceof DecodeFailure)) throw error;
      this.problems.push({ path: this.#path, message: error.message });
    } finally {
      this.#path = before;
      this.#depth = depth;
    }
  }

  message(type: AnyMessageType, json: unknown): unknown {
    if (type.special !== undefined) return type.special.fromJson(json, this);
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      return this.fail(`must be an object (${type.typeName}), not ${describe(json)}`);
    }
    if (++this.#depth > maxDepth) return this.fail(`nested deeper than ${maxDepth} messages`);
    const { byName } = type.table;
    const target: Record<string, unknown> = {};
    const oneofs = new Map<string, string>();
    for (const [key, value] of Object.entries(json)) {
      this.at(key, () => {
        const field = byName.get(key);
        if (field === undefined) {
          if (this.#options.ignoreUnknownFields !== true) this.#unknown(type, key);
          return;
        }
        if (value === undefined || (value === null && !takesNull(field))) return;
        if (field.name in target) this.fail('is given twice, under both of its names');
        if (field.oneof !== undefined) {
          const other = oneofs.get(field.oneof);
          if (other !== undefined) this.fail(`only one of ${other} and ${key} may be set`);
          oneofs.set(field.oneof, key);
        }
        this.#field(field, value, target);
      });
    }
    this.#depth--;
    return target;
  }

  any(json: unknown): Any {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      return this.fail(`must be an object with @type, not ${describe(json)}`);
    }
    const { '@type': typeUrl, ...rest } = json as Readonly<Record<string, unknown>>;
    if (typeUrl === undefined && Object.keys(rest).length === 0)
      return { typeUrl: '', value: new Uint8Array() };
    if (typeof typeUrl !== 'string') return this.fail('needs an @type such as type.googleapis.com/NAME');
    const type = this.#options.registry?.get(typeNameOf(typeUrl));
    if (type === undefined) return this.fail(`@type ${typeUrl} is not known`);
    const before = this.problems.length;
    let value: unknown;
    if (type.special === undefined) value = this.message(type, rest);
    else {
      for (const key of Object.keys(rest)) {
        if (key !== 'value') this.at(key, () => this.fail(`${type.typeName} has only a value`));
      }
      this.at('value', () => {
        value = this.message(type, rest['value']);
      });
    }
    if (this.problems.length > before) return { typeUrl, value: new Uint8Array() };
    return { typeUrl, value: encode(type, value) };
  }

  #unknown(type: AnyMessageType, key: string): never {
    const meant = nearestName(key, type.table.byName.keys());
    return this.fail(
      `is not a field of ${type.typeName}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
  }

  #field(field: Field, json: unknown, target: Record<string, unknown>): void {
    if (field.shape === 'single') {
      const value = this.#value(field, json);
      if (field.explicit || !isImplicitZero(field, value)) target[field.name] = value;
    } else if (field.shape === 'repeated') {
      if (!Array.isArray(json)) this.fail(`must be a list, not ${describe(json)}`);
      const list: unknown[] = [];
      for (let i = 0; i < json.length; i++) {
        this.at(`[${i}]`, () => list.push(this.#value(field, json[i])));
      }
      if (list.length > 0) target[field.name] = list;
    } else {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) {
        this.fail(`must be an object, not ${describe(json)}`);
      }
      const map: Record<string, unknown> = {};
      for (const [key, value] of Object.entries(json)) {
        this.at(`[${JSON.stringify(key)}]`, () =>
          setEntry(map, this.#mapKey(field, key), this.#value(field, value)),
        );
      }
      if (Object.keys(map).length > 0) target[field.name] = map;
    }
  }

  #mapKey(field: Field, key: string): string {
    const kind = field.mapKey ?? 'string';
    if (kind === 'string') return key;
    if (kind === 'bool')
      return key === 'true' || key === 'false' ? key : this.fail('the key must be true or false');
    return String(scalarFromJson(kind, key, this));
  }

  #value(field: Field, json: unknown): unknown {
    if (field.message !== undefined) return this.message(field.message, json);
    if (field.enumeration === undefined) return scalarFromJson(field.kind as never, json, this);
    const { byName, byNumber, typeName } = field.enumeration;
    if (json === null && takesNull(field)) return byNumber.get(0);
    if (typeof json === 'number' && json === (json | 0)) return byNumber.get(json) ?? json;
    // Envoy takes the names in any case, and with dashes.
    const number =
      typeof json === 'string'
        ? (byName.get(json) ?? byName.get(json.toUpperCase().replaceAll('-', '_')))
        : undefined;
    if (number !== undefined) return byNumber.get(number);
    const allowed = [...byName.keys()].join(', ');
    return this.fail(`must be one of ${allowed} (${typeName}), not ${describe(json)}`);
  }
}

/** True where JSON's null is a value and not the absence of one. */
function takesNull(field: Field): boolean {
  return field.message === Value || field.enumeration === NullValue;
}
