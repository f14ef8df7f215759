import { isObject, joinPath, checkShape } from './check-shape.ts';
import type { ShapeKeywords } from './shape.ts';

/** A value made to fit a shape, and where it had to be changed. */
export interface Repaired {
  readonly value: unknown;
  /** Paths of what was left out or put in; what is said about anything at or below them means nothing. */
  readonly paths: ReadonlySet<string>;
  /** Paths of objects that had unknown fields; what is said about what they lack means nothing. */
  readonly holders: ReadonlySet<string>;
}

/**
 * Makes a value fit its shape by leaving out what does not and putting in what is required, so that the rules
 * about meaning can be checked for the rest of an object whose shape is partly wrong.
 */
export function repairShape(shape: ShapeKeywords, value: unknown, path: string): Repaired {
  const paths = new Set<string>();
  const holders = new Set<string>();
  const fits = (at: ShapeKeywords, candidate: unknown): boolean => {
    let good = true;
    checkShape(at, candidate, '', () => (good = false));
    return good;
  };
  const repair = (at: ShapeKeywords, candidate: unknown, where: string): unknown => {
    if (at.type === 'array' && Array.isArray(candidate)) {
      const items = at.items ?? {};
      return candidate.map((element, index) => repair(items, element, `${where}[${index}]`));
    }
    if (at.type === 'object' && isObject(candidate)) return repairObject(at, candidate, where);
    if (fits(at, candidate)) return candidate;
    paths.add(where);
    return neutral(at);
  };
  const repairObject = (at: ShapeKeywords, object: Record<string, unknown>, where: string): unknown => {
    if (at['x-kubernetes-preserve-unknown-fields'] === true) return object;
    const { properties = {}, additionalProperties } = at;
    const out: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(object)) {
      const known = additionalProperties ?? (Object.hasOwn(properties, key) ? properties[key] : undefined);
      if (known === undefined) holders.add(where);
      else if (field !== null && field !== undefined) {
        Object.defineProperty(out, key, {
          value: repair(known, field, joinPath(where, key)),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
    }
    for (const name of at.required ?? []) {
      if (out[name] !== undefined) continue;
      paths.add(joinPath(where, name));
      out[name] = neutral(properties[name] ?? {});
    }
    for (const group of at['x-one-of'] ?? []) {
      const set = group.filter((name) => out[name] !== undefined);
      for (const name of set.length > 1 ? set.slice(1) : []) {
        delete out[name];
        paths.add(where);
      }
    }
    return out;
  };
  return { value: repair(shape, value, path), paths, holders };
}

/** The least value of a shape. */
function neutral(shape: ShapeKeywords): unknown {
  if (shape.enum !== undefined) return shape.enum[0];
  if (shape['x-duration'] === true) return '1s';
  switch (shape.type) {
    case 'string':
      return 'x';
    case 'integer':
    case 'number':
      return Math.max(shape.minimum ?? 0, 1);
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'object':
      return Object.fromEntries(
        (shape.required ?? []).map((name) => [name, neutral(shape.properties?.[name] ?? {})]),
      );
    default:
      return 0;
  }
}

/** True where the path is one that was repaired, or lies below one. */
export function isRepaired(path: string, { paths, holders }: Repaired): boolean {
  if (holders.has(path)) return true;
  for (const repaired of paths) {
    if (path === repaired || path.startsWith(`${repaired}.`) || path.startsWith(`${repaired}[`)) return true;
  }
  return false;
}
