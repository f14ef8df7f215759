import { type ByteReader } from './byte-reader.ts';
import { type ByteWriter } from './byte-writer.ts';

/** Scalar types of protobuf; the name is the one that .proto files use. */
export type ScalarName =
  | 'double'
  | 'float'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'sint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed32'
  | 'sfixed64'
  | 'bool'
  | 'string'
  | 'bytes';

/**
 * A field of a message, as the codec works with it. An interface of plain data: decoding and encoding switch
 * over `kind` and never call into the field.
 */
export interface Field {
  /** Number in the .proto file. */
  readonly number: number;
  /** lowerCamelCase, the key in decoded messages and in JSON. */
  readonly name: string;
  /** Name in the .proto file; JSON input may use it too. */
  readonly protoName: string;
  /** Type of the value; of the map's value for a map. */
  readonly kind: ScalarName | 'message' | 'enum';
  /** Set where `kind` is `message`. */
  readonly message: AnyMessageType | undefined;
  /** Set where `kind` is `enum`. */
  readonly enumeration: EnumType<string> | undefined;
  readonly shape: 'single' | 'repeated' | 'map';
  /** Type of the map's key. */
  readonly mapKey: ScalarName | undefined;
  /** True where a zero value differs from an absent one: `optional`, and members of a oneof. */
  readonly explicit: boolean;
  /** Name of the oneof that it belongs to. */
  readonly oneof: string | undefined;
  /** True for what must not be shown, such as a private key (`udpa.annotations.sensitive`). */
  readonly sensitive: boolean;
}

/** The fields of a message type and their indexes. */
export interface FieldTable {
  /** In ascending order of their numbers. */
  readonly fields: readonly Field[];
  readonly byNumber: ReadonlyMap<number, Field>;
  /** By JSON name and by .proto name. */
  readonly byName: ReadonlyMap<string, Field>;
  /** Fields of each oneof. */
  readonly oneofs: ReadonlyMap<string, readonly Field[]>;
}

/** Encoding of a type whose decoded form is not an object of its fields (`Duration` is a number, and so on). */
export interface SpecialCodec<T> {
  write(writer: ByteWriter, value: T, path: string): void;
  /** `previous` is an earlier occurrence of the same field, which protobuf merges. */
  read(reader: ByteReader, end: number, previous: T | undefined): T;
  toJson(value: T, context: JsonWriteContext): unknown;
  fromJson(json: unknown, context: JsonReadContext): T;
}

/** What special types need of the JSON encoder. */
export interface JsonWriteContext {
  message(type: AnyMessageType, value: unknown): unknown;
  any(any: AnyValue): unknown;
}

/** What special types need of the JSON decoder; `fail` records a problem at the current path. */
export interface JsonReadContext {
  message(type: AnyMessageType, json: unknown): unknown;
  any(json: unknown): AnyValue;
  fail(message: string): never;
}

/** The fields of `google.protobuf.Any`. */
interface AnyValue {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

declare const decoded: unique symbol;

/** A message type: the value that stands for a .proto message, with `T` the shape of a decoded message. */
export interface MessageType<T> {
  /** Full name, as in `envoy.config.listener.v3.Listener`. */
  readonly typeName: string;
  /** `type.googleapis.com/` and the full name: what an Any carries. */
  readonly typeUrl: string;
  /** Fields; worked out at first use. Empty for special types. */
  readonly table: FieldTable;
  readonly special: SpecialCodec<T> | undefined;
  /** The constraints of its fields in JSON (`MessageRules` of the validator), where the .proto file has any. */
  readonly constraints: string | undefined;
  /** Only for the type checker. */
  readonly [decoded]?: T;
}

/** A message type where the shape does not matter. */
// oxlint-disable-next-line typescript/no-explicit-any -- a registry holds types of every shape
export type AnyMessageType = MessageType<any>;

/** The decoded shape of a message type: `MessageOf<typeof Listener>`. */
export type MessageOf<Type> = Type extends MessageType<infer T> ? T : never;

/** An enum type. Values that it does not know stay numbers. */
export interface EnumType<Name extends string> {
  readonly typeName: string;
  readonly byName: ReadonlyMap<string, number>;
  readonly byNumber: ReadonlyMap<number, Name>;
}

/** Message types by full name, for Any. */
export interface TypeRegistry {
  get(typeName: string): AnyMessageType | undefined;
}

/** Makes an enum type from `NAME=number` pairs; used by generated code. */
export function enumeration<Name extends string>(typeName: string, values: string): EnumType<Name> {
  let byName: Map<string, number> | undefined;
  let byNumber: Map<number, Name> | undefined;
  const load = (): void => {
    byName = new Map();
    byNumber = new Map();
    for (const pair of values.split(' ')) {
      const equals = pair.indexOf('=');
      const name = pair.slice(0, equals) as Name;
      const number = Number(pair.slice(equals + 1));
      byName.set(name, number);
      // With allow_alias the first name is the one that is written.
      if (!byNumber.has(number)) byNumber.set(number, name);
    }
  };
  return {
    typeName,
    get byName() {
      if (byName === undefined) load();
      return byName as Map<string, number>;
    },
    get byNumber() {
      if (byNumber === undefined) load();
      return byNumber as Map<number, Name>;
    },
  };
}

class LazyMessageType<T> implements MessageType<T> {
  readonly typeName: string;
  readonly special: SpecialCodec<T> | undefined;
  readonly constraints: string | undefined;
  readonly #text: string;
  #refs: (() => readonly (AnyMessageType | EnumType<string>)[]) | undefined;
  #table: FieldTable | undefined;

  constructor(
    typeName: string,
    text: string,
    refs: (() => readonly (AnyMessageType | EnumType<string>)[]) | undefined,
    special: SpecialCodec<T> | undefined,
    constraints: string | undefined,
  ) {
    this.typeName = typeName;
    this.#text = text;
    this.#refs = refs;
    this.special = special;
    this.constraints = constraints;
  }

  get typeUrl(): string {
    return `type.googleapis.com/${this.typeName}`;
  }

  get table(): FieldTable {
    if (this.#table === undefined) {
      this.#table = parseTable(this.#text, this.#refs?.() ?? []);
      this.#refs = undefined;
    }
    return this.#table;
  }
}

/**
 * Makes a message type from its field table in text; used by generated code.
 *
 * The table has one entry a field, separated by blanks: `name:number:type`, where `name` is the .proto name and
 * `type` a scalar's name or an index into `refs`, followed by `*` when repeated, `{key}` when a map with that
 * key type, `?` when optional and `|name` when a member of that oneof, and by `!` when it must not be shown. It is
 * parsed when the type is first used.
 */
export function message<T>(
  typeName: string,
  fields: string,
  refs?: () => readonly (AnyMessageType | EnumType<string>)[],
  constraints?: string,
): MessageType<T> {
  return new LazyMessageType<T>(typeName, fields, refs, undefined, constraints);
}

/** Makes a message type whose decoded form is not an object of its fields. */
export function specialType<T>(typeName: string, special: SpecialCodec<T>): MessageType<T> {
  return new LazyMessageType<T>(typeName, '', undefined, special, undefined);
}

/** The JSON name that protobuf derives from a .proto name. */
export function jsonNameOf(protoName: string): string {
  let name = '';
  let upper = false;
  for (const c of protoName) {
    if (c === '_') {
      upper = true;
      continue;
    }
    name += upper ? c.toUpperCase() : c;
    upper = false;
  }
  return name;
}

const scalarNames: Readonly<Record<string, ScalarName>> = {
  double: 'double',
  float: 'float',
  int32: 'int32',
  int64: 'int64',
  uint32: 'uint32',
  uint64: 'uint64',
  sint32: 'sint32',
  sint64: 'sint64',
  fixed32: 'fixed32',
  fixed64: 'fixed64',
  sfixed32: 'sfixed32',
  sfixed64: 'sfixed64',
  bool: 'bool',
  string: 'string',
  bytes: 'bytes',
};

/** The engine's own copy of a string, which compares and looks up by address. */
function interned(text: string): string {
  return Object.keys({ [text]: 0 })[0] ?? text;
}

const entryPattern = /^(\w+):(\d+):(\w+)(?:(\*)|\{(\w+)\}|(\?)|\|(\w+))?(!)?$/;

function scalarOf(name: string): ScalarName {
  const scalar = scalarNames[name];
  if (scalar === undefined) throw new Error(`unknown type ${name} in a field table`);
  return scalar;
}

function parseTable(text: string, refs: readonly (AnyMessageType | EnumType<string>)[]): FieldTable {
  const fields: Field[] = [];
  const byNumber = new Map<number, Field>();
  const byName = new Map<string, Field>();
  const oneofs = new Map<string, Field[]>();
  for (const entry of text === '' ? [] : text.split(' ')) {
    const match = entryPattern.exec(entry);
    if (match === null) throw new Error(`malformed field table entry ${entry}`);
    const [, protoName = '', number = '', type = '', star, mapKey, optional, oneof, secret] = match;
    const ref = /^\d/.test(type) ? refs[Number(type)] : undefined;
    const isMessage = ref !== undefined && 'table' in ref;
    const field: Field = {
      number: Number(number),
      name: interned(jsonNameOf(protoName)),
      protoName,
      kind: ref === undefined ? scalarOf(type) : isMessage ? 'message' : 'enum',
      message: isMessage ? ref : undefined,
      enumeration: ref !== undefined && !isMessage ? ref : undefined,
      shape: star !== undefined ? 'repeated' : mapKey !== undefined ? 'map' : 'single',
      mapKey: mapKey === undefined ? undefined : scalarOf(mapKey),
      explicit: optional !== undefined || oneof !== undefined,
      oneof,
      sensitive: secret !== undefined,
    };
    fields.push(field);
    byNumber.set(field.number, field);
    byName.set(field.name, field);
    byName.set(field.protoName, field);
    if (oneof !== undefined) {
      const members = oneofs.get(oneof);
      if (members === undefined) oneofs.set(oneof, [field]);
      else members.push(field);
    }
  }
  fields.sort((a, b) => a.number - b.number);
  return { fields, byNumber, byName, oneofs };
}
