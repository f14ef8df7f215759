/** An object in JSON. */
export type JsonObject = Record<string, unknown>;

/** True for objects, false for lists and null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True where two JSON values are the same, whatever the order of the fields. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameJson(item, b[index]));
  }
  if (Array.isArray(b)) return false;
  const left = a as JsonObject;
  const right = b as JsonObject;
  let count = 0;
  for (const name in left) {
    if (left[name] === undefined) continue;
    if (right[name] === undefined || !sameJson(left[name], right[name])) return false;
    count++;
  }
  for (const name in right) if (right[name] !== undefined) count--;
  return count === 0;
}

/** Sets a field also where its name is `__proto__`, which plain assignment does not. */
export function setField(target: JsonObject, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  } else target[name] = value;
}

/** A field of the object itself. */
export function ownField(target: JsonObject, name: string): unknown {
  return Object.hasOwn(target, name) ? target[name] : undefined;
}

/** A deep copy of a JSON value, without fields that are undefined; several times quicker than `structuredClone`. */
export function cloneJson<T>(value: T): T {
  return copyOf(value) as T;
}

function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  const copy: JsonObject = {};
  for (const name of Object.keys(value)) {
    const inner = copyOf((value as JsonObject)[name]);
    if (inner === undefined) continue;
    if (name === '__proto__') setField(copy, name, inner);
    else copy[name] = inner;
  }
  return copy;
}
