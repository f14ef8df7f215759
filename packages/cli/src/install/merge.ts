import { isObject } from '@lateen/config';

/**
 * Lays one value over another: objects are merged, lists of named objects are merged by `name`, all else is
 * replaced. Neither argument is changed.
 */
export function mergeOver(below: unknown, above: unknown): unknown {
  if (above === undefined) return below;
  if (isObject(below) && isObject(above)) {
    const merged = { ...below };
    for (const [key, value] of Object.entries(above)) merged[key] = mergeOver(below[key], value);
    return merged;
  }
  if (isNamedList(below) && isNamedList(above)) {
    const rest = new Map(above.map((element) => [element['name'], element]));
    const merged = below.map((element) => {
      const over = rest.get(element['name']);
      rest.delete(element['name']);
      return mergeOver(element, over);
    });
    return [...merged, ...rest.values()];
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
