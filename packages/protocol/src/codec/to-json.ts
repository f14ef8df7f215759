import { decode } from './decode.ts';
import { fromJson } from './from-json.ts';
import { isImplicitZero } from './implicit-zero.ts';
import type { AnyMessageType, Field, JsonWriteContext, MessageType, TypeRegistry } from './message-type.ts';
import { scalarToJson } from './scalar-json.ts';
import { setEntry } from './set-entry.ts';
import type { JsonObject } from './struct.ts';
import { typeNameOf } from './type-url.ts';
import { Any, NullValue } from './well-known.ts';

export interface ToJsonOptions {
  /** Types that may be inside an Any. An Any of another type shows its bytes in base64 under `value`. */
  readonly registry?: TypeRegistry;
  /** Names of fields as in the .proto files (`virtual_hosts`), as Envoy's admin pages have them; default false. */
  readonly protoNames?: boolean;
  /**
   * Texts and bytes of what must not be shown read `[redacted]`, and what else is in it is left out, as Envoy shows
   * configuration; default false.
   */
  readonly redact?: boolean;
  /** Scalars of implicit presence and lists are there where they are zero and empty, too; default false. */
  readonly zeros?: boolean;
}

const redacted = '[redacted]';

/** The message in protobuf's canonical JSON, fields in order of their numbers. */
export function toJson<T>(type: MessageType<T>, value: T, options: ToJsonOptions = {}): unknown {
  return new JsonWriter(options).message(type, value);
}

class JsonWriter implements JsonWriteContext {
  readonly #registry: TypeRegistry | undefined;
  readonly #protoNames: boolean;
  readonly #redacts: boolean;
  readonly #zeros: boolean;
  /** True within what must not be shown. */
  #hidden = false;

  constructor(options: ToJsonOptions) {
    this.#registry = options.registry;
    this.#protoNames = options.protoNames ?? false;
    this.#redacts = options.redact ?? false;
    this.#zeros = options.zeros ?? false;
  }

  message(type: AnyMessageType, value: unknown): unknown {
    if (type.special !== undefined)
      return this.#hidden && type !== Any ? undefined : type.special.toJson(value, this);
    const source = value as Readonly<Record<string, unknown>>;
    const json: Record<string, unknown> = {};
    for (const field of type.table.fields) {
      // A Value may be null, which is something.
      let fieldValue = source[field.name];
      if (fieldValue === undefined && this.#zeros) fieldValue = zeroOf(field);
      if (fieldValue === undefined || (!this.#zeros && !field.explicit && isEmpty(field, fieldValue)))
        continue;
      const shown = this.#shown(field, fieldValue);
      if (shown !== undefined) json[this.#protoNames ? field.protoName : field.name] = shown;
    }
    return json;
  }

  any(any: Any): unknown {
    if (any.typeUrl === '') return {};
    const type = this.#registry?.get(typeNameOf(any.typeUrl));
    const inner = type === undefined ? undefined : decode(type, any.value);
    if (type === undefined || inner?.ok !== true) {
      // Bytes that cannot be read may hold anything.
      const hides = this.#hidden || (this.#redacts && type !== undefined);
      return { '@type': any.typeUrl, ...(hides ? {} : { value: scalarToJson('bytes', any.value) }) };
    }
    const json =
      this.#redacts && isTypedStruct(type) ? this.#struct(inner.value) : this.message(type, inner.value);
    if (type.special !== undefined) return { '@type': any.typeUrl, value: json };
    return { '@type': any.typeUrl, ...(json as object) };
  }

  /** A TypedStruct: what is in it is shown as the message that it stands for, so that nothing of that is shown too much. */
  #struct({ typeUrl = '', value = {} }: TypedStruct): object {
    const type = this.#registry?.get(typeNameOf(typeUrl));
    if (type === undefined) return { [this.#protoNames ? 'type_url' : 'typeUrl']: typeUrl, value };
    const read = fromJson(type, value, { registry: this.#registry, ignoreUnknownFields: true });
    return {
      [this.#protoNames ? 'type_url' : 'typeUrl']: typeUrl,
      // What cannot be read may hold anything.
      ...(read.ok ? { value: this.message(type, read.value) } : {}),
    };
  }

  /** The JSON of a field; undefined where it is neither shown nor redacted. */
  #shown(field: Field, value: unknown): unknown {
    if (!this.#redacts || this.#hidden || !field.sensitive) return this.#field(field, value);
    this.#hidden = true;
    try {
      return this.#field(field, value);
    } finally {
      this.#hidden = false;
    }
  }

  #field(field: Field, value: unknown): unknown {
    if (this.#hidden && field.message === undefined) return this.#redacted(field, value);
    if (field.shape === 'repeated')
      return (value as readonly unknown[]).map((item) => this.#value(field, item));
    if (field.shape === 'single') return this.#value(field, value);
    const map = value as Readonly<Record<string, unknown>>;
    const json: Record<string, unknown> = {};
    for (const key of Object.keys(map).sort()) setEntry(json, key, this.#value(field, map[key]));
    return json;
  }

  /** A field of scalars that is not shown; undefined where it could not hold the word. */
  #redacted(field: Field, value: unknown): unknown {
    if (field.kind !== 'string' && field.kind !== 'bytes') return undefined;
    const word = field.kind === 'string' ? redacted : scalarToJson('bytes', Buffer.from(redacted));
    if (field.shape === 'repeated') return (value as readonly unknown[]).map(() => word);
    if (field.shape === 'single') return word;
    return Object.fromEntries(Object.keys(value as object).map((key) => [key, word]));
  }

  #value(field: Field, value: unknown): unknown {
    if (field.message !== undefined) return this.message(field.message, value);
    if (field.kind === 'enum') return field.enumeration === NullValue ? null : value;
    return scalarToJson(field.kind as never, value);
  }
}

interface TypedStruct {
  readonly typeUrl?: string;
  readonly value?: JsonObject;
}

function isTypedStruct({ typeName }: AnyMessageType): boolean {
  return typeName === 'xds.type.v3.TypedStruct' || typeName === 'udpa.type.v1.TypedStruct';
}

/** What an absent field stands for; undefined for one whose absence says something. */
function zeroOf(field: Field): unknown {
  if (field.explicit || field.shape === 'map') return undefined;
  if (field.shape === 'repeated') return [];
  switch (field.kind) {
    case 'message':
      return undefined;
    case 'enum':
      return field.enumeration?.byNumber.get(0);
    case 'bool':
      return false;
    case 'string':
      return '';
    case 'bytes':
      return new Uint8Array();
    default:
      return 0;
  }
}

/** True for what JSON leaves out: zero scalars of implicit presence, empty lists and maps. */
function isEmpty(field: Field, value: unknown): boolean {
  if (field.shape === 'repeated') return (value as readonly unknown[]).length === 0;
  if (field.shape === 'map') return Object.keys(value as object).length === 0;
  return isImplicitZero(field, value);
}
