import { decode } from './decode.ts';
import { isImplicitZero } from './implicit-zero.ts';
import type { AnyMessageType, Field, JsonWriteContext, MessageType, TypeRegistry } from './message-type.ts';
import { scalarToJson } from './scalar-json.ts';
import { setEntry } from './set-entry.ts';
import { NullValue, type Any } from './well-known.ts';

export interface ToJsonOptions {
  /** Types that may be inside an Any. An Any of another type shows its bytes in base64 under `value`. */
  readonly registry?: TypeRegistry;
  /** Names of fields as in the .proto files (`virtual_hosts`), as Envoy's admin pages have them; default false. */
  readonly protoNames?: boolean;
}

/** The message in protobuf's canonical JSON, fields in order of their numbers. */
export function toJson<T>(type: MessageType<T>, value: T, options: ToJsonOptions = {}): unknown {
  return new JsonWriter(options).message(type, value);
}

class JsonWriter implements JsonWriteContext {
  readonly #registry: TypeRegistry | undefined;
  readonly #protoNames: boolean;

  constructor(options: ToJsonOptions) {
    this.#registry = options.registry;
    this.#protoNames = options.protoNames ?? false;
  }

  message(type: AnyMessageType, value: unknown): unknown {
    if (type.special !== undefined) return type.special.toJson(value, this);
    const source = value as Readonly<Record<string, unknown>>;
    const json: Record<string, unknown> = {};
    for (const field of type.table.fields) {
      const fieldValue = source[field.name];
      if (fieldValue === undefined || (!field.explicit && isEmpty(field, fieldValue))) continue;
      json[this.#protoNames ? field.protoName : field.name] = this.#field(field, fieldValue);
    }
    return json;
  }

  any(any: Any): unknown {
    if (any.typeUrl === '') return {};
    const type = this.#registry?.get(typeNameOf(any.typeUrl));
    const inner = type === undefined ? undefined : decode(type, any.value);
    if (type === undefined || inner?.ok !== true) {
      return { '@type': any.typeUrl, value: scalarToJson('bytes', any.value) };
    }
    const json = this.message(type, inner.value);
    if (type.special !== undefined) return { '@type': any.typeUrl, value: json };
    return { '@type': any.typeUrl, ...(json as object) };
  }

  #field(field: Field, value: unknown): unknown {
    if (field.shape === 'repeated')
      return (value as readonly unknown[]).map((item) => this.#value(field, item));
    if (field.shape === 'single') return this.#value(field, value);
    const map = value as Readonly<Record<string, unknown>>;
    const json: Record<string, unknown> = {};
    for (const key of Object.keys(map).sort()) setEntry(json, key, this.#value(field, map[key]));
    return json;
  }

  #value(field: Field, value: unknown): unknown {
    if (field.message !== undefined) return this.message(field.message, value);
    if (field.kind === 'enum') return field.enumeration === NullValue ? null : value;
    return scalarToJson(field.kind as never, value);
  }
}

/** True for what JSON leaves out: zero scalars of implicit presence, empty lists and maps. */
function isEmpty(field: Field, value: unknown): boolean {
  if (field.shape === 'repeated') return (value as readonly unknown[]).length === 0;
  if (field.shape === 'map') return Object.keys(value as object).length === 0;
  return isImplicitZero(field, value);
}

/** The type's full name in an Any's URL: what follows the last slash. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}
