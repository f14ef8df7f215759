import { isObject } from '@lateen/config';
import type { PatchOperation } from './admission-review.ts';

/**
 * The JSON patch (RFC 6902) that turns one value into the other.
 *
 * Objects are compared field by field; a list that differs only by elements at its end is added to, any
 * other list that differs is replaced whole.
 */
export function jsonDifference(from: unknown, to: unknown, path = ''): PatchOperation[] {
  if (Object.is(from, to)) return [];
  if (isObject(from) && isObject(to)) return objectDifference(from, to, path);
  if (Array.isArray(from) && Array.isArray(to)) {
    const grows = to.length >= from.length && from.every((element, index) => sameJson(element, to[index]));
    if (grows) {
      return to.slice(from.length).map((value): PatchOperation => ({ op: 'add', path: `${path}/-`, value }));
    }
  }
  return sameJson(from, to) ? [] : [{ op: 'replace', path, value: to }];
}

function objectDifference(
  from: Record<string, unknown>,
  to: Record<string, unknown>,
  path: string,
): PatchOperation[] {
  const operations: PatchOperation[] = [];
  for (const key of Object.keys(from)) {
    if (field(to, key) === undefined) operations.push({ op: 'remove', path: `${path}/${pointerToken(key)}` });
  }
  for (const [key, value] of Object.entries(to)) {
    if (value === undefined) continue;
    const at = `${path}/${pointerToken(key)}`;
    const before = field(from, key);
    if (before === undefined) operations.push({ op: 'add', path: at, value });
    else operations.push(...jsonDifference(before, value, at));
  }
  return operations;
}

function sameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((element, index) => sameJson(element, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
}

/** A field of the object's own: `__proto__` is a name like any other. */
function field(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** RFC 6901, section 3. */
function pointerToken(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
