import { problem, type Result } from '@lateen/core';
import { decode, type DecodeOptions } from './decode.ts';
import { encode } from './encode.ts';
import type { AnyMessageType, MessageType, TypeRegistry } from './message-type.ts';
import { typeNameOf } from './type-url.ts';
import type { Any } from './well-known.ts';

/** What an Any held. */
export interface Unpacked {
  readonly type: AnyMessageType;
  readonly value: unknown;
}

/** Puts a message into an Any. */
export function packAny<T>(type: MessageType<T>, value: T): Any {
  return { typeUrl: type.typeUrl, value: encode(type, value) };
}

/** Decodes what is in an Any; a problem where the registry does not have the type or the bytes are bad. */
export function unpackAny(any: Any, registry: TypeRegistry, options: DecodeOptions = {}): Result<Unpacked> {
  const type = registry.get(typeNameOf(any.typeUrl));
  if (type === undefined) return problem('', `type ${any.typeUrl} is not known`);
  const decoded = decode(type, any.value, options);
  return decoded.ok ? { ok: true, value: { type, value: decoded.value } } : decoded;
}

/** Decodes an Any that must hold this type. */
export function unpackAs<T>(type: MessageType<T>, any: Any, options: DecodeOptions = {}): Result<T> {
  if (typeNameOf(any.typeUrl) !== type.typeName) {
    return problem('', `holds ${any.typeUrl === '' ? 'nothing' : any.typeUrl}, not ${type.typeName}`);
  }
  return decode(type, any.value, options);
}

/** True where the Any holds a message of this type. */
export function anyIs(any: Any, type: AnyMessageType): boolean {
  return typeNameOf(any.typeUrl) === type.typeName;
}

/** Types by full name; `types` may be a function, called when the registry is first asked. */
export function typeRegistry(
  types: readonly AnyMessageType[] | (() => readonly AnyMessageType[]),
): TypeRegistry {
  let byName: Map<string, AnyMessageType> | undefined;
  return {
    get(typeName) {
      byName ??= new Map(
        (typeof types === 'function' ? types() : types).map((type) => [type.typeName, type]),
      );
      return byName.get(typeName);
    },
  };
}
