import { DecodeFailure, type ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { scalarWireType, writeScalar } from './encode.ts';
import { readScalar } from './decode.ts';
import {
  enumeration,
  specialType,
  type AnyMessageType,
  type MessageType,
  type ScalarName,
} from './message-type.ts';
import { scalarFromJson, scalarToJson } from './scalar-json.ts';
import {
  asJsonValue,
  readList,
  readStruct,
  readValue,
  writeList,
  writeStruct,
  writeValue,
  type JsonObject,
  type JsonValue,
} from './struct.ts';
import {
  durationParts,
  formatDuration,
  formatTimestamp,
  parseDuration,
  parseTimestamp,
  timestampParts,
  type SecondsAndNanos,
} from './time-text.ts';

// The types of google.protobuf that decode to something handier than an object of their fields.

/** A message of any type, still encoded. Make one with `packAny`, look into it with `unpackAny`. */
export interface Any {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

function wrapper<T extends number | string | boolean | Uint8Array>(
  name: string,
  kind: ScalarName,
  zero: T,
): MessageType<T> {
  const tag = 8 + scalarWireType[kind];
  return specialType<T>(`google.protobuf.${name}`, {
    write(writer, value, path) {
      // A wrong type in a wrapper would be written as some other number: say so instead.
      if (typeof value !== typeof zero)
        throw new TypeError(`${path}: must be a ${kind}, not ${typeof value}`);
      if (value === zero || (value instanceof Uint8Array && value.length === 0)) return;
      writeScalar(writer, kind, value, path);
      writer.uint32(tag);
    },
    read(reader, end, previous) {
      let value: unknown = previous ?? zero;
      while (reader.offset < end) {
        const found = reader.tag();
        if (found === tag) value = readScalar(reader, kind);
        else reader.skipOther(found, 1);
      }
      return value as T;
    },
    toJson: (value) => scalarToJson(kind, value),
    fromJson: (json, context) => scalarFromJson(kind, json, context) as T,
  });
}

/** number */
export const DoubleValue: MessageType<number> = wrapper('DoubleValue', 'double', 0);
/** number */
export const FloatValue: MessageType<number> = wrapper('FloatValue', 'float', 0);
/** number */
export const Int64Value: MessageType<number> = wrapper('Int64Value', 'int64', 0);
/** number */
export const UInt64Value: MessageType<number> = wrapper('UInt64Value', 'uint64', 0);
/** number */
export const Int32Value: MessageType<number> = wrapper('Int32Value', 'int32', 0);
/** number */
export const UInt32Value: MessageType<number> = wrapper('UInt32Value', 'uint32', 0);
/** boolean */
export const BoolValue: MessageType<boolean> = wrapper('BoolValue', 'bool', false);
/** string */
export const StringValue: MessageType<string> = wrapper('StringValue', 'string', '');
/** Uint8Array */
export const BytesValue: MessageType<Uint8Array> = wrapper<Uint8Array>(
  'BytesValue',
  'bytes',
  new Uint8Array(),
);

function readSecondsAndNanos(reader: ByteReader, end: number, previous: SecondsAndNanos): SecondsAndNanos {
  let { seconds, nanos } = previous;
  while (reader.offset < end) {
    const tag = reader.tag();
    if (tag === 0x08) seconds = reader.varint64(true);
    else if (tag === 0x10) nanos = reader.uint32() | 0;
    else reader.skipOther(tag, 2);
  }
  return { seconds, nanos };
}

function writeSecondsAndNanos(writer: ByteWriter, parts: SecondsAndNanos): void {
  if (parts.nanos !== 0) {
    writer.varint64(parts.nanos);
    writer.uint32(0x10);
  }
  if (parts.seconds !== 0) {
    writer.varint64(parts.seconds);
    writer.uint32(0x08);
  }
}

function expectFinite(value: unknown, path: string): void {
  if (!Number.isFinite(value))
    throw new TypeError(`${path}: must be a number of milliseconds, not ${String(value)}`);
}

/** Milliseconds, fractions allowed; exact to the nanosecond up to a hundred days. */
export const Duration: MessageType<number> = specialType('google.protobuf.Duration', {
  write(writer, ms, path) {
    expectFinite(ms, path);
    writeSecondsAndNanos(writer, durationParts(ms));
  },
  read(reader, end, previous) {
    const { seconds, nanos } = readSecondsAndNanos(reader, end, durationParts(previous ?? 0));
    if (Math.abs(nanos) >= 1e9) throw new DecodeFailure('nanos of a duration are beyond a second');
    return seconds * 1000 + nanos / 1e6;
  },
  toJson: formatDuration,
  fromJson(json, context) {
    const ms = typeof json === 'string' ? parseDuration(json) : undefined;
    return ms ?? context.fail('must be a duration in seconds such as "0.25s"');
  },
});

/** Milliseconds since the Unix epoch, fractions allowed. */
export const Timestamp: MessageType<number> = specialType('google.protobuf.Timestamp', {
  write(writer, ms, path) {
    expectFinite(ms, path);
    writeSecondsAndNanos(writer, timestampParts(ms));
  },
  read(reader, end, previous) {
    const { seconds, nanos } = readSecondsAndNanos(reader, end, timestampParts(previous ?? 0));
    if (nanos < 0 || nanos >= 1e9) throw new DecodeFailure('nanos of a timestamp are not within a second');
    return seconds * 1000 + nanos / 1e6;
  },
  toJson: (ms) => formatTimestamp(ms) ?? null,
  fromJson(json, context) {
    const ms = typeof json === 'string' ? parseTimestamp(json) : undefined;
    return ms ?? context.fail('must be a time such as "2026-01-31T12:00:00Z"');
  },
});

/** Plain JSON object */
export const Struct: MessageType<JsonObject> = specialType('google.protobuf.Struct', {
  write: writeStruct,
  read: readStruct,
  toJson: (value) => value,
  fromJson(json, context) {
    const value = asJsonValue(json);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return context.fail('must be an object');
    return value as JsonObject;
  },
});

/** Any JSON value */
export const Value: MessageType<JsonValue> = specialType('google.protobuf.Value', {
  write: writeValue,
  read: readValue,
  toJson: (value) => value,
  fromJson: (json, context) => {
    const value = asJsonValue(json);
    return value === undefined ? context.fail('must be JSON') : value;
  },
});

/** JSON array */
export const ListValue: MessageType<readonly JsonValue[]> = specialType('google.protobuf.ListValue', {
  write: writeList,
  read: readList,
  toJson: (value) => value,
  fromJson(json, context) {
    const value = asJsonValue(json);
    return Array.isArray(value) ? (value as readonly JsonValue[]) : context.fail('must be an array');
  },
});

/** An object without fields */
export const Empty: MessageType<Readonly<Record<string, never>>> = specialType('google.protobuf.Empty', {
  write() {},
  read(reader, end) {
    while (reader.offset < end) reader.skip(reader.tag() & 7);
    return {};
  },
  toJson: () => ({}),
  fromJson: (json, context) =>
    typeof json === 'object' && json !== null && Object.keys(json).length === 0
      ? {}
      : context.fail('must be an empty object'),
});

/** Paths of fields, with .proto names */
export const FieldMask: MessageType<readonly string[]> = specialType('google.protobuf.FieldMask', {
  write(writer, paths) {
    for (let i = paths.length - 1; i >= 0; i--) {
      writer.string(paths[i] as string);
      writer.uint32(0x0a);
    }
  },
  read(reader, end, previous) {
    const paths: string[] = [...(previous ?? [])];
    while (reader.offset < end) {
      const tag = reader.tag();
      if (tag === 0x0a) paths.push(reader.string());
      else reader.skipOther(tag, 1);
    }
    return paths;
  },
  toJson: (paths) =>
    paths.map((path) => path.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase())).join(','),
  fromJson(json, context) {
    if (typeof json !== 'string') return context.fail('must be text with paths between commas');
    return json === '' ? [] : json.split(',').map((p) => p.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`));
  },
});

/** {@link Any} */
export const Any: MessageType<Any> = specialType<Any>('google.protobuf.Any', {
  write(writer, any, path) {
    if (typeof any.typeUrl !== 'string' || !(any.value instanceof Uint8Array)) {
      throw new TypeError(`${path}: must be an Any; make one with packAny`);
    }
    if (any.value.length > 0) {
      writer.lengthDelimited(any.value);
      writer.uint32(0x12);
    }
    if (any.typeUrl !== '') {
      writer.string(any.typeUrl);
      writer.uint32(0x0a);
    }
  },
  read(reader, end, previous) {
    let typeUrl = previous?.typeUrl ?? '';
    let value = previous?.value;
    while (reader.offset < end) {
      const tag = reader.tag();
      if (tag === 0x0a) typeUrl = reader.string();
      else if (tag === 0x12) value = reader.view();
      else reader.skipOther(tag, 2);
    }
    return { typeUrl, value: value ?? new Uint8Array() };
  },
  toJson: (any, context) => context.any(any),
  fromJson: (json, context) => context.any(json),
});

/** The enum whose only value is null. */
export const NullValue = enumeration<'NULL_VALUE'>('google.protobuf.NullValue', 'NULL_VALUE=0');
export type NullValue = 'NULL_VALUE' | number;

/** The types of this file, for registries. */
export const wellKnownTypes: readonly AnyMessageType[] = [
  Any,
  BoolValue,
  BytesValue,
  DoubleValue,
  Duration,
  Empty,
  FieldMask,
  FloatValue,
  Int32Value,
  Int64Value,
  ListValue,
  StringValue,
  Struct,
  Timestamp,
  UInt32Value,
  UInt64Value,
  Value,
];
