import type { Result } from '@lateen/core';
import {
  anyIs,
  decode,
  encode,
  fromJson,
  typeNameOf,
  unpackAny,
  type AnyMessageType,
  type MessageType,
  type TypeRegistry,
} from '@lateen/protocol';
import type { Any } from '@lateen/protocol/google/protobuf';
import { TypedStruct as UdpaTypedStruct } from '@lateen/protocol/udpa/type/v1';
import { TypedStruct } from '@lateen/protocol/xds/type/v3';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Merges a decoded message into another as protobuf does: scalars and entries of maps are replaced, messages merged, lists
 * get more elements; setting a member of a oneof takes the others away. In an Any of the same type what is inside is merged,
 * be it given as the message or as the JSON of a TypedStruct; another type replaces it.
 */
export function mergeMessage<T>(type: MessageType<T>, base: T, patch: T, registry: TypeRegistry): T {
  if (type.typeName === 'google.protobuf.Any') return mergeAny(base as Any, patch as Any, registry) as T;
  if (type.typeName === 'google.protobuf.Struct') return { ...base, ...patch };
  if (type.special !== undefined) return patch;
  const merged: Record<string, unknown> = { ...(base as Fields) };
  for (const field of type.table.fields) {
    const value = (patch as Fields)[field.name];
    if (value === undefined) continue;
    for (const other of field.oneof === undefined ? [] : (type.table.oneofs.get(field.oneof) ?? [])) {
      if (other !== field) delete merged[other.name];
    }
    const present = merged[field.name];
    const inner = field.message;
    if (field.shape === 'repeated') {
      merged[field.name] = [...((present as unknown[] | undefined) ?? []), ...(value as unknown[])];
    } else if (field.shape === 'map') {
      merged[field.name] = { ...(present as Fields | undefined), ...(value as Fields) };
    } else if (inner !== undefined && present !== undefined) {
      merged[field.name] = mergeMessage(inner, present, value, registry);
    } else merged[field.name] = value;
  }
  return merged as T;
}

function mergeAny(base: Any, patch: Any, registry: TypeRegistry): Any {
  const inside = unpackAny(base, registry);
  if (!inside.ok) return patch;
  const { type, value } = inside.value;
  const more = read(type, patch, registry);
  if (more?.ok !== true) return patch;
  return { typeUrl: base.typeUrl, value: encode(type, mergeMessage(type, value, more.value, registry)) };
}

/** What an Any holds where it is of this type, also as a TypedStruct of it. */
function read(type: AnyMessageType, any: Any, registry: TypeRegistry): Result<unknown> | undefined {
  if (anyIs(any, type)) return decode(type, any.value);
  if (!anyIs(any, TypedStruct) && !anyIs(any, UdpaTypedStruct)) return undefined;
  const struct = decode(TypedStruct, any.value);
  if (!struct.ok || typeNameOf(struct.value.typeUrl ?? '') !== type.typeName) return undefined;
  return fromJson(type, struct.value.value ?? {}, { registry });
}
