import { createHash } from 'node:crypto';
import { encode, type MessageType } from '@lateen/protocol';

/** One xDS resource, encoded once and sent to all that want it. */
export interface EncodedResource {
  readonly name: string;
  readonly typeUrl: string;
  /** Equal for equal content, also across restarts. */
  readonly version: string;
  /** The message without an Any around it. */
  readonly value: Uint8Array;
}

/** Encodes a message as the resource of this name. */
export function encodeResource<T>(type: MessageType<T>, name: string, message: T): EncodedResource {
  return resourceOf(type.typeUrl, name, encode(type, message));
}

/**
 * Puts a resource together from parts that are encoded already: a protobuf message is its fields one after
 * another, so parts that did not change need not be encoded again.
 */
export function joinResource<T>(
  type: MessageType<T>,
  name: string,
  parts: readonly Uint8Array[],
): EncodedResource {
  return resourceOf(type.typeUrl, name, Buffer.concat(parts));
}

function resourceOf(typeUrl: string, name: string, value: Uint8Array): EncodedResource {
  const version = createHash('sha256').update(value).digest('base64url').slice(0, 16);
  return { name, typeUrl, version, value };
}

/** True where both hold the same resource; the bytes need not be compared. */
export function sameResource(a: EncodedResource | undefined, b: EncodedResource | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.name === b.name && a.version === b.version);
}

/** True where both hold the same resources in the same order. */
export function sameResources(a: readonly EncodedResource[], b: readonly EncodedResource[]): boolean {
  return a.length === b.length && a.every((resource, i) => sameResource(resource, b[i]));
}
