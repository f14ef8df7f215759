import { ok, problem, type Result } from '@lateen/core';
import { ByteReader, DecodeFailure, type UnknownField } from './byte-reader.ts';
import { scalarWireType, wireTypeOf } from './encode.ts';
import { isImplicitZero } from './implicit-zero.ts';
import type { AnyMessageType, Field, MessageType, ScalarName } from './message-type.ts';
import { setEntry } from './set-entry.ts';

/** How deep messages may nest; the same limit as protobuf's own libraries. */
export const maxDepth = 100;

export interface DecodeOptions {
  /** Receives the fields that the type does not have; they are passed over otherwise. */
  readonly unknown?: UnknownField[];
}

/**
 * Decodes the bytes of a message.
 *
 * Strict: a problem names the field's path where the bytes are truncated, a wire type does not fit, text is not
 * UTF-8, an integer goes beyond 2^53 or messages nest deeper than {@link maxDepth}. `bytes` fields are views of
 * the input: copy what is to outlive it.
 */
export function decode<T>(type: MessageType<T>, bytes: Uint8Array, options: DecodeOptions = {}): Result<T> {
  const reader = new ByteReader(bytes, options.unknown);
  try {
    return ok(readBody(reader, type, reader.bytes.length, undefined) as T);
  } catch (error) {
    if (error instanceof DecodeFailure) return problem(error.path, error.message);
    throw error;
  }
}

type Decoded = Record<string, unknown>;

/** Reads a message up to `end`; `into` is an earlier occurrence of the same field, which protobuf merges. */
export function readBody(reader: ByteReader, type: AnyMessageType, end: number, into: unknown): unknown {
  if (type.special !== undefined) {
    const value = type.special.read(reader, end, into);
    if (reader.offset !== end) throw new DecodeFailure('truncated');
    return value;
  }
  if (++reader.depth > maxDepth) throw new DecodeFailure(`nested deeper than ${maxDepth} messages`);
  const target = (into ?? {}) as Decoded;
  const { byNumber, oneofs } = type.table;
  let field: Field | undefined;
  try {
    while (reader.offset < end) {
      field = undefined;
      const tag = reader.tag();
      const wireType = tag & 7;
      field = byNumber.get(tag >>> 3);
      if (field === undefined) {
        skipUnknown(reader, type, tag >>> 3, wireType);
        continue;
      }
      if (field.shape === 'single') {
        expectWireType(wireType, wireTypeOf(field));
        if (field.oneof !== undefined) clearOthers(oneofs.get(field.oneof) ?? [], field, target);
        const value = readValue(reader, field, target[field.name]);
        if (field.explicit || !isImplicitZero(field, value)) target[field.name] = value;
        else delete target[field.name];
      } else if (field.shape === 'repeated') readRepeated(reader, field, wireType, target);
      else readMapEntry(reader, field, wireType, target);
    }
    if (reader.offset !== end) throw new DecodeFailure('runs past the end of its message');
  } catch (error) {
    if (error instanceof DecodeFailure && field !== undefined) error.prepend(field.name);
    throw error;
  }
  reader.depth--;
  return target;
}

function skipUnknown(reader: ByteReader, type: AnyMessageType, number: number, wireType: number): void {
  reader.unknown?.push({ typeName: type.typeName, number });
  reader.skip(wireType);
}

function expectWireType(found: number, wanted: number): void {
  if (found !== wanted) throw new DecodeFailure(`wire type ${found} where ${wanted} is due`);
}

function clearOthers(members: readonly Field[], kept: Field, target: Decoded): void {
  for (const member of members) {
    if (member !== kept && member.name in target) delete target[member.name];
  }
}

function readRepeated(reader: ByteReader, field: Field, wireType: number, target: Decoded): void {
  const own = wireTypeOf(field);
  const packed = wireType === 2 && own !== 2;
  const end = packed ? reader.lengthDelimitedEnd() : -1;
  // Absent rather than empty, as everywhere.
  if (reader.offset === end) return;
  const list = (target[field.name] ??= []) as unknown[];
  if (packed) {
    while (reader.offset < end) list.push(readValue(reader, field, undefined));
    if (reader.offset !== end) throw new DecodeFailure('packed values run past their end');
    return;
  }
  expectWireType(wireType, own);
  try {
    list.push(readValue(reader, field, undefined));
  } catch (error) {
    if (error instanceof DecodeFailure) error.prepend(`[${list.length}]`);
    throw error;
  }
}

function readMapEntry(reader: ByteReader, field: Field, wireType: number, target: Decoded): void {
  expectWireType(wireType, 2);
  const end = reader.lengthDelimitedEnd();
  const keyKind = field.mapKey ?? 'string';
  let key: string = keyKind === 'string' ? '' : keyKind === 'bool' ? 'false' : '0';
  let value: unknown;
  try {
    while (reader.offset < end) {
      const tag = reader.tag();
      if (tag >>> 3 === 1) {
        expectWireType(tag & 7, scalarWireType[keyKind]);
        key = String(readScalar(reader, keyKind));
      } else if (tag >>> 3 === 2) {
        expectWireType(tag & 7, wireTypeOf(field));
        value = readValue(reader, field, undefined);
      } else reader.skip(tag & 7);
    }
    if (reader.offset !== end) throw new DecodeFailure('map entry runs past its end');
  } catch (error) {
    if (error instanceof DecodeFailure) error.prepend(`[${JSON.stringify(key)}]`);
    throw error;
  }
  const map = (target[field.name] ??= {}) as Decoded;
  setEntry(map, key, value ?? zeroOf(field));
}

/** What a map's entry without a value holds. */
function zeroOf(field: Field): unknown {
  if (field.message !== undefined)
    return readBody(new ByteReader(new Uint8Array()), field.message, 0, undefined);
  if (field.enumeration !== undefined) return field.enumeration.byNumber.get(0) ?? 0;
  if (field.kind === 'string') return '';
  if (field.kind === 'bytes') return new Uint8Array();
  return field.kind === 'bool' ? false : 0;
}

function readValue(reader: ByteReader, field: Field, previous: unknown): unknown {
  if (field.message !== undefined) {
    const end = reader.lengthDelimitedEnd();
    return readBody(reader, field.message, end, previous);
  }
  if (field.enumeration !== undefined) {
    const number = reader.uint32() | 0;
    return field.enumeration.byNumber.get(number) ?? number;
  }
  return readScalar(reader, field.kind as ScalarName);
}

/** Reads a scalar after its tag. */
export function readScalar(reader: ByteReader, kind: ScalarName): unknown {
  switch (kind) {
    case 'string':
      return reader.string();
    case 'bool':
      return reader.bool();
    case 'uint32':
      return reader.uint32();
    case 'int32':
      return reader.uint32() | 0;
    case 'int64':
      return reader.varint64(true);
    case 'uint64':
      return reader.varint64(false);
    case 'sint32': {
      const raw = reader.uint32();
      return (raw >>> 1) ^ -(raw & 1);
    }
    case 'sint64': {
      const raw = reader.varint64(false);
      return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
    }
    case 'fixed32':
      return reader.fixed32();
    case 'sfixed32':
      return reader.sfixed32();
    case 'fixed64':
      return reader.fixed64(false);
    case 'sfixed64':
      return reader.fixed64(true);
    case 'float':
      return reader.float();
    case 'double':
      return reader.double();
    default:
      return reader.view();
  }
}
