import { problem, type Result } from '@lateen/core';
import {
  decode,
  fromJson,
  typeNameOf as typeNameIn,
  unpackAs,
  type Any,
  type DecodeOptions,
  type MessageType,
} from '@lateen/protocol';
import { TypedStruct as UdpaTypedStruct } from '@lateen/protocol/udpa/type/v1';
import { TypedStruct } from '@lateen/protocol/xds/type/v3';
import { knownTypes } from './known-types.ts';

/**
 * The message that an Any holds as JSON: in a TypedStruct, as Envoy takes it wherever an extension has its configuration.
 * Undefined where the Any holds a message itself.
 */
export function structIn(any: Any): TypedStruct | undefined {
  const outer = typeNameIn(any.typeUrl);
  if (outer !== TypedStruct.typeName && outer !== UdpaTypedStruct.typeName) return undefined;
  const decoded = decode(TypedStruct, any.value);
  return decoded.ok ? decoded.value : undefined;
}

/** The name of the type that an Any holds, be it as a message or in a TypedStruct. */
export function typeNameOf(any: Any | undefined): string {
  if (any === undefined) return '';
  const struct = structIn(any);
  return typeNameIn(struct === undefined ? any.typeUrl : (struct.typeUrl ?? ''));
}

/** Decodes an Any that must hold this type, be it as a message or in a TypedStruct. */
export function unpackTyped<T>(type: MessageType<T>, any: Any, options: DecodeOptions = {}): Result<T> {
  const struct = structIn(any);
  if (struct === undefined) return unpackAs(type, any, options);
  const { typeUrl = '', value = {} } = struct;
  if (typeNameIn(typeUrl) !== type.typeName)
    return problem('', `holds ${typeUrl === '' ? 'nothing' : typeUrl}, not ${type.typeName}`);
  return fromJson(type, value, { registry: knownTypes });
}
