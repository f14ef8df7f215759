import { isJsonObject, type JsonObject } from '@lateen/kube';

/** Sets a field that is missing, or is the empty text, which clients written in Go send for missing ones. */
export function fill(object: JsonObject, name: string, value: unknown): void {
  if (object[name] === undefined || object[name] === null || object[name] === '') object[name] = value;
}

/** Sets a number that is missing or 0, where 0 makes no sense. */
export function fillNumber(object: JsonObject, name: string, value: number): void {
  if (object[name] === 0) object[name] = value;
  else fill(object, name, value);
}

/** The object in a field, made where it is missing. */
export function filledObject(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  if (isJsonObject(value)) return value;
  const made: JsonObject = {};
  object[name] = made;
  return made;
}

/** The object in a field, if there is one. */
export function objectIn(object: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = object?.[name];
  return isJsonObject(value) ? value : undefined;
}

/** The objects of the list in a field; empty where there is none. */
export function objectsIn(object: JsonObject | undefined, name: string): JsonObject[] {
  const value = object?.[name];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** The text in a field; empty where there is none. */
export function textIn(object: JsonObject | undefined, name: string): string {
  const value = object?.[name];
  return typeof value === 'string' ? value : '';
}
