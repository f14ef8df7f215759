import { isObject } from '@lateen/config';

/**
 * Lays one value over another: objects are merged; of lists of named objects, elements are merged with the one
 * of their name, or with the one at their place where they have none; all else is replaced. Neither argument
 * is changed.
 */
export function mergeOver(below: unknown, above: unknown): unknown {
  if (above === undefined) return below;
  if (isObject(below) && isObject(above)) {
    const merged = { ...below };
    for (const [key, value] of Object.entries(above)) merged[key] = mergeOver(below[key], value);
    return merged;
  }
  if (isNamedList(below) && Array.isArray(above) && above.every(isObject)) {
    const merged: Record<string, unknown>[] = [...below];
    for (const [index, element] of above.entries()) {
      const { name } = element;
      const found = name === undefined ? index : merged.findIndex((other) => other['name'] === name);
      const at = found < 0 ? merged.length : found;
      merged[at] = mergeOver(merged[at] ?? {}, element) as Record<string, unknown>;
    }
    return merged;
  }
  return above;
}

function isNamedList(value: unknown): value is Record<string, unknown>[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((element) => isObject(element) && typeof element['name'] === 'string')
  );
}
