import { ByteWriter } from './byte-writer.ts';
import { isImplicitZero } from './implicit-zero.ts';
import type { AnyMessageType, Field, MessageType, ScalarName } from './message-type.ts';

/** Wire types of the scalars. */
export const scalarWireType: Readonly<Record<ScalarName, 0 | 1 | 2 | 5>> = {
  double: 1,
  float: 5,
  int32: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
  sint32: 0,
  sint64: 0,
  fixed32: 5,
  fixed64: 1,
  sfixed32: 5,
  sfixed64: 1,
  bool: 0,
  string: 2,
  bytes: 2,
};

/**
 * The bytes of a message; the same message always gives the same bytes (fields in order of their numbers, map
 * entries in order of their keys).
 *
 * Throws a TypeError that names the field where the value does not fit its type, since that is a bug of whoever
 * built it: a wrong type, a number out of range, an unknown enum name, two members of a oneof.
 */
export function encode<T>(type: MessageType<T>, value: T): Uint8Array {
  // Not shared between calls: an encoder may run inside another's getter, and a kept buffer would cost memory.
  const writer = new ByteWriter();
  writeBody(writer, type, value, '');
  return writer.finish();
}

/** Writes a message without tag and length. */
export function writeBody(writer: ByteWriter, type: AnyMessageType, value: unknown, path: string): void {
  if (type.special !== undefined) {
    type.special.write(writer, value, path);
    return;
  }
  if (typeof value !== 'object' || value === null) bad(path, `must be a ${type.typeName}`, value);
  const source = value as Readonly<Record<string, unknown>>;
  const { fields, oneofs } = type.table;
  if (oneofs.size > 0) checkOneofs(oneofs, source, path);
  for (let i = fields.length - 1; i >= 0; i--) {
    const field = fields[i] as Field;
    const fieldValue = source[field.name];
    if (fieldValue === undefined) continue;
    if (field.shape === 'single') writeSingle(writer, field, fieldValue, path);
    else if (field.shape === 'repeated') writeRepeated(writer, field, fieldValue, path);
    else writeMap(writer, field, fieldValue, path);
  }
}

function checkOneofs(
  oneofs: ReadonlyMap<string, readonly Field[]>,
  source: Readonly<Record<string, unknown>>,
  path: string,
): void {
  for (const members of oneofs.values()) {
    let first: Field | undefined;
    for (const member of members) {
      if (source[member.name] === undefined) continue;
      if (first !== undefined) {
        throw new TypeError(
          `${join(path, member.name)}: only one of ${first.name} and ${member.name} may be set`,
        );
      }
      first = member;
    }
  }
}

function writeSingle(writer: ByteWriter, field: Field, value: unknown, path: string): void {
  if (!field.explicit && isImplicitZero(field, value)) return;
  writeValue(writer, field, value, path);
  writer.uint32(field.number * 8 + wireTypeOf(field));
}

function writeRepeated(writer: ByteWriter, field: Field, value: unknown, path: string): void {
  if (!Array.isArray(value)) bad(join(path, field.name), 'must be an array', value);
  const list = value as readonly unknown[];
  if (list.length === 0) return;
  const packed = wireTypeOf(field) !== 2;
  const before = writer.length;
  for (let i = list.length - 1; i >= 0; i--) {
    writeValue(writer, field, list[i], path, i);
    if (!packed) writer.uint32(field.number * 8 + 2);
  }
  if (packed) {
    writer.uint32(writer.length - before);
    writer.uint32(field.number * 8 + 2);
  }
}

function writeMap(writer: ByteWriter, field: Field, value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null) bad(join(path, field.name), 'must be an object', value);
  const map = value as Readonly<Record<string, unknown>>;
  const keyKind = field.mapKey ?? 'string';
  const keys = Object.keys(map);
  if (keyKind === 'string' || keyKind === 'bool') keys.sort();
  else keys.sort((a, b) => Number(a) - Number(b));
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as string;
    const before = writer.length;
    writeValue(writer, field, map[key], path, key);
    writer.uint32(16 + wireTypeOf(field));
    const keyPath = join(path, field.name);
    if (keyKind === 'string') writer.string(key);
    else if (keyKind === 'bool') writer.uint32(key === 'true' ? 1 : 0);
    else writeScalar(writer, keyKind, Number(key), keyPath);
    writer.uint32(8 + scalarWireType[keyKind]);
    writer.uint32(writer.length - before);
    writer.uint32(field.number * 8 + 2);
  }
}

function writeValue(
  writer: ByteWriter,
  field: Field,
  value: unknown,
  parent: string,
  index?: number | string,
): void {
  if (field.message !== undefined) {
    const before = writer.length;
    // Paths are joined for nested messages only: they are few beside scalars.
    writeBody(writer, field.message, value, pathOf(parent, field, index));
    writer.uint32(writer.length - before);
    return;
  }
  if (field.enumeration !== undefined) {
    if (typeof value === 'number' && Number.isInteger(value)) {
      writer.varint64(value);
      return;
    }
    const number = field.enumeration.byName.get(value as string);
    if (number === undefined) {
      bad(pathOf(parent, field, index), `must be a ${field.enumeration.typeName}`, value);
    }
    writer.varint64(number);
    return;
  }
  if (!fitsScalar(field.kind as ScalarName, value)) {
    bad(pathOf(parent, field, index), `must be a ${field.kind}`, value);
  }
  writeScalar(writer, field.kind as ScalarName, value, '');
}

function fitsScalar(kind: ScalarName, value: unknown): boolean {
  switch (kind) {
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'bytes':
      return value instanceof Uint8Array;
    case 'double':
    case 'float':
      return typeof value === 'number';
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return (value as number) === ((value as number) | 0);
    case 'uint32':
    case 'fixed32':
      return (value as number) === (value as number) >>> 0;
    case 'uint64':
    case 'fixed64':
      return Number.isSafeInteger(value) && (value as number) >= 0;
    default:
      return Number.isSafeInteger(value);
  }
}

/** Writes a scalar without its tag; the caller has checked that it fits. */
export function writeScalar(writer: ByteWriter, kind: ScalarName, value: unknown, path: string): void {
  switch (kind) {
    case 'string':
      writer.string(value as string);
      return;
    case 'bool':
      writer.uint32(value === true ? 1 : 0);
      return;
    case 'uint32':
      writer.uint32(value as number);
      return;
    case 'int32':
    case 'int64':
    case 'uint64':
      writer.varint64(value as number);
      return;
    case 'sint32':
      writer.uint32((((value as number) << 1) ^ ((value as number) >> 31)) >>> 0);
      return;
    case 'sint64': {
      const number = value as number;
      if (Math.abs(number) > 2 ** 52) bad(path, 'must be within 2^52', value);
      writer.varint64(number < 0 ? -number * 2 - 1 : number * 2);
      return;
    }
    case 'fixed32':
    case 'sfixed32':
      writer.fixed32(value as number);
      return;
    case 'fixed64':
    case 'sfixed64':
      writer.fixed64(value as number);
      return;
    case 'float':
      writer.float(value as number);
      return;
    case 'double':
      writer.double(value as number);
      return;
    case 'bytes':
      writer.lengthDelimited(value as Uint8Array);
  }
}

/** Wire type of one value of a field (also of a map's value). */
export function wireTypeOf(field: Field): 0 | 1 | 2 | 5 {
  if (field.kind === 'message') return 2;
  return field.kind === 'enum' ? 0 : scalarWireType[field.kind];
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function pathOf(parent: string, field: Field, index: number | string | undefined): string {
  const path = join(parent, field.name);
  return index === undefined ? path : `${path}[${JSON.stringify(index)}]`;
}

function bad(path: string, message: string, value: unknown): never {
  const found = typeof value === 'object' || value === undefined ? typeof value : JSON.stringify(value);
  throw new TypeError(`${path === '' ? 'message' : path}: ${message}, not ${found}`);
}
