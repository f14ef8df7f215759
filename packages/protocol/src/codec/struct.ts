import { DecodeFailure, type ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { setEntry } from './set-entry.ts';

/** Any JSON value: what `google.protobuf.Value` decodes to. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object: what `google.protobuf.Struct` decodes to. */
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

const maxStructDepth = 100;

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}

// Struct { map<string, Value> fields = 1 }; an entry is { key = 1, value = 2 }.
export function writeStruct(writer: ByteWriter, value: JsonObject, path: string): void {
  const keys = Object.keys(value).sort();
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as string;
    const entry = value[key];
    if (entry === undefined) continue;
    const before = writer.length;
    writeValue(writer, entry, `${path}.${key}`);
    writer.uint32(writer.length - before);
    writer.uint32(0x12);
    writer.string(key);
    writer.uint32(0x0a);
    writer.uint32(writer.length - before);
    writer.uint32(0x0a);
  }
}

// Value { null_value = 1, number_value = 2, string_value = 3, bool_value = 4, struct_value = 5, list_value = 6 }
export function writeValue(writer: ByteWriter, value: JsonValue, path: string): void {
  if (value === null) {
    writer.uint32(0);
    writer.uint32(0x08);
  } else if (typeof value === 'number') {
    writer.double(value);
    writer.uint32(0x11);
  } else if (typeof value === 'string') {
    writer.string(value);
    writer.uint32(0x1a);
  } else if (typeof value === 'boolean') {
    writer.uint32(value ? 1 : 0);
    writer.uint32(0x20);
  } else if (typeof value === 'object') {
    const before = writer.length;
    if (isList(value)) writeList(writer, value, path);
    else writeStruct(writer, value, path);
    writer.uint32(writer.length - before);
    writer.uint32(isList(value) ? 0x32 : 0x2a);
  } else throw new TypeError(`${path}: ${typeof value} is not JSON`);
}

// ListValue { repeated Value values = 1 }
export function writeList(writer: ByteWriter, values: readonly JsonValue[], path: string): void {
  for (let i = values.length - 1; i >= 0; i--) {
    const before = writer.length;
    writeValue(writer, values[i] as JsonValue, `${path}[${i}]`);
    writer.uint32(writer.length - before);
    writer.uint32(0x0a);
  }
}

export function readStruct(reader: ByteReader, end: number, previous?: JsonObject): JsonObject {
  const struct: Record<string, JsonValue | undefined> = { ...previous };
  while (reader.offset < end) {
    if (reader.uint32() !== 0x0a) throw new DecodeFailure('malformed Struct');
    const entryEnd = reader.lengthDelimitedEnd();
    let key = '';
    let value: JsonValue = null;
    while (reader.offset < entryEnd) {
      const tag = reader.uint32();
      if (tag === 0x0a) key = reader.string();
      else if (tag === 0x12) value = readValue(reader, reader.lengthDelimitedEnd());
      else throw new DecodeFailure('malformed Struct');
    }
    if (reader.offset !== entryEnd) throw new DecodeFailure('malformed Struct');
    setEntry(struct, key, value);
  }
  return struct;
}

/** A Value without a kind, which JSON cannot say, is null. */
export function readValue(reader: ByteReader, end: number, previous: JsonValue = null): JsonValue {
  if (++reader.depth > maxStructDepth) throw new DecodeFailure(`nested deeper than ${maxStructDepth}`);
  let value = previous;
  while (reader.offset < end) {
    const tag = reader.uint32();
    if (tag === 0x08) {
      reader.uint32();
      value = null;
    } else if (tag === 0x11) value = reader.double();
    else if (tag === 0x1a) value = reader.string();
    else if (tag === 0x20) value = reader.bool();
    else if (tag === 0x2a)
      value = readStruct(reader, reader.lengthDelimitedEnd(), isObject(value) ? value : undefined);
    else if (tag === 0x32)
      value = readList(reader, reader.lengthDelimitedEnd(), isList(value) ? value : undefined);
    else throw new DecodeFailure('malformed Value');
  }
  reader.depth--;
  return value;
}

export function readList(
  reader: ByteReader,
  end: number,
  previous: readonly JsonValue[] = [],
): readonly JsonValue[] {
  const list: JsonValue[] = [...previous];
  while (reader.offset < end) {
    if (reader.uint32() !== 0x0a) throw new DecodeFailure('malformed ListValue');
    list.push(readValue(reader, reader.lengthDelimitedEnd()));
  }
  return list;
}

/** Checks that a value came out of a JSON parser and is not nested too deep. */
export function asJsonValue(value: unknown, depth = 0): JsonValue | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'object' || depth > maxStructDepth) return undefined;
  for (const item of Object.values(value)) {
    if (item !== undefined && asJsonValue(item, depth + 1) === undefined) return undefined;
  }
  return value as JsonValue;
}
