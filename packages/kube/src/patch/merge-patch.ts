import { isJsonObject, ownField, setField, type JsonObject } from './json-value.ts';

/**
 * JSON merge patch (RFC 7396): fields are set, null takes them away, lists are replaced.
 * Gives a new value and shares what did not change.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const result: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else setField(result, name, mergePatch(ownField(result, name), value));
  }
  return result;
}
