import type { AnyMessageType } from '@lateen/protocol';
import { Any } from '@lateen/protocol';
import { knownTypes } from '../decode/known-types.ts';

/** Paths of fields within a message, as `cluster.name` of `?mask=`. */
export type FieldMask = readonly (readonly string[])[];

/** Reads a list of paths with commas; undefined where it is empty, which masks nothing. */
export function parseMask(mask: string | null): FieldMask | undefined {
  if (mask === null || mask === '') return undefined;
  return mask.split(',').map((path) => path.trim().split('.'));
}

/**
 * Keeps the fields that a mask names in the JSON of a message; undefined where one of its paths is none of the message.
 * As in protobuf's masks no path goes through a list; into an Any it goes by the type that is in it.
 */
export function applyMask(
  type: AnyMessageType,
  json: object,
  mask: FieldMask,
): Readonly<Record<string, unknown>> | undefined {
  return mask.every((path) => leadsToField(type, json, path)) ? keep(json, mask) : undefined;
}

function leadsToField(type: AnyMessageType, json: unknown, path: readonly string[]): boolean {
  const [name = '', ...below] = path;
  const inside = type === Any ? knownTypes.get(typeNameIn(json)) : type;
  const field = inside?.table.byName.get(name);
  if (field === undefined || field.protoName !== name) return false;
  if (below.length === 0) return true;
  if (field.shape !== 'single' || field.message === undefined) return false;
  const value = isObject(json) ? json[name] : undefined;
  // What is not there has no type that could be asked.
  if (field.message === Any && value === undefined) return true;
  return leadsToField(field.message, value, below);
}

function typeNameIn(json: unknown): string {
  const url = isObject(json) ? json['@type'] : undefined;
  return typeof url === 'string' ? url.slice(url.lastIndexOf('/') + 1) : '';
}

function keep(json: object, mask: FieldMask): Readonly<Record<string, unknown>> {
  const kept: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(json)) {
    if (key === '@type') kept[key] = inner;
    const below = mask.filter((path) => path[0] === key).map((path) => path.slice(1));
    if (below.length === 0) continue;
    kept[key] = isObject(inner) && !below.some((path) => path.length === 0) ? keep(inner, below) : inner;
  }
  return kept;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
